"""Access log written after call_next lacks what the handler has bound

`BaseHTTPMiddleware` and `@app.middleware("http")` run the rest of the application in a task with a copy of the context.
What a dependency or a handler binds there (`bind_contextvars(user_id=…)`) is gone when `call_next` comes back, so
that the one line for each request, the access line, has neither user nor tenant.

## Use instead
A middleware written as plain ASGI class (`async def __call__(self, scope, receive, send)`), which shares the context;
or pass the values through `request.state` and log them from there.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Middleware, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=[
        "https://www.structlog.org/en/stable/contextvars.html",
        "https://www.starlette.io/middleware/#limitations",
    ],
    examples=[
        Bad(
            """
            import structlog
            from fastapi import Depends, FastAPI, Request
            from structlog.contextvars import bind_contextvars

            logger = structlog.get_logger()
            app = FastAPI()

            @app.middleware("http")
            async def access_log(request: Request, call_next):
                response = await call_next(request)
                logger.info("request", status=response.status_code)  # finding
                return response

            async def current_user() -> str:
                bind_contextvars(user_id="ada")
                return "ada"

            @app.get("/leads")
            async def leads(user: str = Depends(current_user)) -> str:
                logger.info("leads")
                return user
            """
        ),
        Good(
            """
            import structlog
            from fastapi import Depends, FastAPI, Request
            from structlog.contextvars import bind_contextvars

            logger = structlog.get_logger()
            app = FastAPI()

            class AccessLog:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)
                    logger.info("request")

            app.add_middleware(AccessLog)

            @app.middleware("http")
            async def first(request: Request, call_next):
                logger.info("begin")
                return await call_next(request)

            async def current_user() -> str:
                bind_contextvars(user_id="ada")
                return "ada"

            @app.get("/leads")
            async def leads(user: str = Depends(current_user)) -> str:
                return user
            """
        ),
        Good(
            """
            import structlog
            from fastapi import Depends, FastAPI, Request
            from structlog.contextvars import bind_contextvars

            logger = structlog.get_logger()
            app = FastAPI()

            @app.middleware("http")
            async def access_log(request: Request, call_next):
                bind_contextvars(request_id="1")
                response = await call_next(request)
                logger.info("request", user_id=request.state.user_id)
                return response

            async def current_user(request: Request) -> str:
                request.state.user_id = "ada"
                bind_contextvars(user_id="ada", request_id="1")
                return "ada"

            @app.get("/leads")
            async def leads(user: str = Depends(current_user)) -> str:
                return user
            """
        ),
    ],
)

BINDING = "structlog.contextvars.bind_contextvars"
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "log", "ainfo", "awarning", "aerror"})


@rule.check
def middleware(middleware: Middleware, project: Project) -> Iterator[Finding]:
    for function in middleware.functions:
        line = _logged_afterwards(function)
        if line is None:
            continue
        known = {*line.keywords, *(k for c in function.calls_to(BINDING) for k in c.keywords)}
        lost = next((b for b in _bound_further_in(project) if not known.issuperset(b.keywords)), None)
        if lost is not None and lost.function is not None:
            name = next(k for k in lost.keywords if k not in known)
            yield line.finding(
                f"`{name}`, which `{lost.function.name}` binds, is not in this line: after `call_next` the context of "
                "the handler is gone. Write the middleware as a plain ASGI class, or hand it on in `request.state`."
            )


def _logged_afterwards(function: Function) -> Call | None:
    """The first structlog line after the rest of the application has answered."""
    passed = next((c for c in function.calls if c.awaited and c.callee.written == "call_next"), None)
    if passed is None:
        return None
    return next(
        (
            c
            for c in function.calls
            if c.node.start > passed.node.end
            and c.handler is None
            and c.method in LEVELS
            and (c.name or "").startswith("structlog.BoundLogger.")
        ),
        None,
    )


def _bound_further_in(project: Project) -> Iterator[Call]:
    """Where handlers and dependencies bind values for the rest of the request."""
    for call in project.source.calls_to(BINDING):
        reach = call.function.in_request if call.function is not None else None
        if reach is not None and reach.context in {"route", "dependency"}:
            yield call


@rule.proof(needs=("structlog",))
def the_access_line_knows_no_user(bad: Served) -> None:
    bad.get("/leads")
    lines = bad.log.splitlines()

    assert any("leads" in line and "ada" in line for line in lines)
    assert not any("status" in line and "ada" in line for line in lines)
