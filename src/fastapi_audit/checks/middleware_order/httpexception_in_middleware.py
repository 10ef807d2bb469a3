"""HTTPException raised in a middleware

FastAPI turns an `HTTPException` into its answer inside the middleware stack. One that a middleware raises is outside
of that: nobody handles it, the client gets `500 Internal Server Error` instead of the 401 that was meant, and the log
fills with tracebacks.

## Use instead
Return the answer: `return JSONResponse({"detail": …}, status_code=401)`. Or check in a dependency, where raising works.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, Function, Middleware, Statement
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://starlette.dev/middleware/", "https://starlette.dev/exceptions/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, HTTPException, Request

            app = FastAPI()

            @app.middleware("http")
            async def authenticate(request: Request, call_next):
                if "authorization" not in request.headers:
                    raise HTTPException(status_code=401, detail="sign in first")  # finding
                return await call_next(request)

            @app.get("/")
            def home() -> str:
                return "hello"
            """,
            fixed="""
            from fastapi.responses import JSONResponse
            from fastapi import FastAPI, HTTPException, Request

            app = FastAPI()

            @app.middleware("http")
            async def authenticate(request: Request, call_next):
                if "authorization" not in request.headers:
                    return JSONResponse({"detail": "sign in first"}, status_code=401)
                return await call_next(request)

            @app.get("/")
            def home() -> str:
                return "hello"
            """,
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI, HTTPException, Request
            from starlette.middleware.base import BaseHTTPMiddleware

            def verify(request: Request) -> None:
                if "authorization" not in request.headers:
                    raise HTTPException(401)

            class Authenticate(BaseHTTPMiddleware):
                async def dispatch(self, request: Request, call_next):
                    verify(request)  # finding
                    return await call_next(request)

            app = FastAPI(dependencies=[Depends(verify)])
            app.add_middleware(Authenticate)
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()

            def verify(request: Request) -> None:
                if "authorization" not in request.headers:
                    raise HTTPException(401)

            @app.middleware("http")
            async def authenticate(request: Request, call_next):
                try:
                    verify(request)
                    if request.url.path == "/admin":
                        raise HTTPException(403)
                except HTTPException as refused:
                    return JSONResponse({"detail": refused.detail}, status_code=refused.status_code)
                return await call_next(request)

            @app.get("/", dependencies=[Depends(verify)])
            def home() -> str:
                raise HTTPException(404)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException, Request
            from starlette.middleware.base import BaseHTTPMiddleware

            class Keys:
                mode = "none"

                def user(self, request: Request) -> str:
                    if self.mode == "none":
                        return "guest"
                    raise HTTPException(401)

            class Authenticate(BaseHTTPMiddleware):
                keys = Keys()

                async def dispatch(self, request: Request, call_next):
                    if self.keys.mode == "none":
                        request.state.user = "guest"
                    else:
                        request.state.user = self.keys.user(request)  # finding
                    return await call_next(request)

            app = FastAPI()
            app.add_middleware(Authenticate)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException, Request
            from starlette.middleware.base import BaseHTTPMiddleware

            class Keys:
                mode = "none"

                def user(self, request: Request) -> str:
                    if self.mode == "none":
                        return "guest"
                    raise HTTPException(401)

            class Authenticate(BaseHTTPMiddleware):
                keys = Keys()

                async def dispatch(self, request: Request, call_next):
                    if self.keys.mode == "none":
                        request.state.user = self.keys.user(request)
                    return await call_next(request)

            app = FastAPI()
            app.add_middleware(Authenticate)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()

            @app.middleware("http")
            async def authenticate(request: Request, call_next):
                if "authorization" not in request.headers:
                    raise HTTPException(401)
                return await call_next(request)

            @app.middleware("http")
            async def answer(request: Request, call_next):
                try:
                    return await call_next(request)
                except HTTPException as refused:
                    return JSONResponse({"detail": refused.detail}, status_code=refused.status_code)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            class NoToken(HTTPException):
                def __init__(self) -> None:
                    super().__init__(401, "no token")

            class Limited:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope["type"] == "http" and len(scope["headers"]) > 50:
                        raise HTTPException(431, "too many headers")  # finding
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Limited)

            @app.middleware("http")
            async def check(request: Request, call_next):
                if "authorization" not in request.headers:
                    raise NoToken  # finding
                if "cookie" in request.headers:
                    raise HTTPException(400, "no cookies", {"X-Why": "cookies"})  # finding
                if request.url.path == "/teapot":
                    raise HTTPException(418)  # finding
                return await call_next(request)

            @app.get("/")
            def home() -> JSONResponse:
                return JSONResponse("home")
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()

            @app.middleware("http")
            async def check(request: Request, call_next):
                if "authorization" not in request.headers:
                    raise HTTPException(401, "no token")  # finding
                return await call_next(request)

            @app.get("/")
            def home() -> JSONResponse:
                return JSONResponse("home")
            """,
            fixed="""
            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import JSONResponse

            app = FastAPI()

            @app.middleware("http")
            async def check(request: Request, call_next):
                if "authorization" not in request.headers:
                    return JSONResponse({"detail": "no token"}, status_code=401)
                return await call_next(request)

            @app.get("/")
            def home() -> JSONResponse:
                return JSONResponse("home")
            """,
        ),
    ],
)

EXCEPTIONS = ("fastapi.HTTPException", "starlette.exceptions.HTTPException")
CAUGHT_BY = frozenset({*EXCEPTIONS, "Exception", "BaseException"})


@rule.check
def stack(middleware: Middleware) -> Iterator[Finding]:
    found = list(_unanswered(middleware))
    if found and not any(map(_answers_exceptions, middleware.app.middleware[: middleware.position])):
        yield from found


def _unanswered(middleware: Middleware) -> Iterator[Finding]:
    for function in middleware.functions:
        for raised in _raised(function):
            yield raised.finding(_message(raised.text.split("\n")[0]), fix=_fix(raised))
        for call in function.calls:
            if _raises_through(call):
                # The helper may raise only under circumstances that this middleware never meets.
                found = call.finding(_message(f"{call.callee.text}()"))
                yield replace(found, confidence=Confidence.MEDIUM)


def _message(what: str) -> str:
    return (
        f"`{what}` raises HTTPException outside of what handles it: the client gets 500. Return a response with that "
        "status, or check in a dependency."
    )


def _raised(function: Function) -> Iterator[Statement]:
    """The `raise HTTPException` that leave a function."""
    for statement in function.statements_of("raise"):
        if statement.value is None or not _is_http_exception(statement):
            continue
        if not any(_catches(t) for t in statement.tries):
            yield statement


def _is_http_exception(statement: Statement) -> bool:
    value = statement.value
    return value is not None and (value.is_a(*EXCEPTIONS) or value.is_class(*EXCEPTIONS))


def _catches(attempt: Statement) -> bool:
    return any(not CAUGHT_BY.isdisjoint(h.types) for h in attempt.handlers)


def _raises_through(call: Call, depth: int = 0) -> bool:
    """Whether a call of project code lets an HTTPException out."""
    target = call.target
    if target is None or depth > 3 or any(_catches(t) for t in call.tries):
        return False
    if target.is_generator or (target.is_async and not call.awaited) or _returns_before(target, call):
        return False
    return any(_raised(target)) or any(_raises_through(c, depth + 1) for c in target.calls)


def _returns_before(target: Function, call: Call) -> bool:
    """Whether the condition of the call is one upon which the called function returns before it raises."""
    receiver = call.receiver.written if call.receiver is not None else None
    first = min((s.location for s in _raised(target)), default=None)
    if receiver is None or first is None or call.function is None:
        return False
    around = [s for s in call.function.statements_of("if") if any(call in c.calls for c in s.children)]
    known = {s.value.text for s in around if s.value is not None}
    tests = [
        s for s in target.statements_of("if") if s.location < first and s.children and s.children[-1].kind == "return"
    ]
    texts = [s.value.text for s in tests if s.value is not None and s.value.text.startswith("self.")]
    return any(receiver + text.removeprefix("self") in known for text in texts)


def _answers_exceptions(middleware: Middleware) -> bool:
    """Whether it catches HTTPException around the rest of the stack."""
    handlers = [h for f in middleware.functions for s in f.statements_of("try") for h in s.handlers]
    return any(not {*EXCEPTIONS}.isdisjoint(h.types) for h in handlers)


def _fix(raised: Statement) -> Fix | None:
    made = raised.value
    function = raised.function
    if not isinstance(made, Call) or function is None or function.name == "__call__" or made.spreads:
        return None
    status, detail = made.argument("status_code", 0), made.argument("detail", 1)
    if status is None or detail is None or made.argument("headers", 2) is not None:
        return None
    text = f'return JSONResponse({{"detail": {detail.text}}}, status_code={status.text})'
    edits = [raised.replace(text)]
    added = function.module.import_edit("from fastapi.responses import JSONResponse")
    if added is not None:
        edits.append(added)
    return Fix("Return the answer", tuple(edits))


@rule.proof
def the_client_gets_a_server_error(bad: Served) -> None:
    assert bad.get("/").status_code == 500
    assert "HTTPException" in bad.log
