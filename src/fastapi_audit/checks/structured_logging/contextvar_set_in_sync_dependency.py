"""Context bound in a sync dependency is lost

FastAPI runs a `def` dependency in a thread, in a copy of the context. What it sets there, `ContextVar.set` or
structlog's `bind_contextvars`, is gone when it returns: the handler, and every log line of the request, sees the old
value. An `async def` dependency runs in the request's own context.

## Use instead
`async def`, as long as the dependency does nothing that blocks.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=[
        "https://fastapi.tiangolo.com/async/#dependencies",
        "https://docs.python.org/3/library/contextvars.html",
    ],
    examples=[
        Bad(
            """
            from contextvars import ContextVar

            from fastapi import Depends, FastAPI, Header

            request_id: ContextVar[str] = ContextVar("request_id", default="none")
            app = FastAPI()

            def bind_request_id(x_request_id: str = Header(default="-")) -> None:
                request_id.set(x_request_id)  # finding

            @app.get("/", dependencies=[Depends(bind_request_id)])
            async def read() -> str:
                return request_id.get()
            """,
            fixed="""
            from contextvars import ContextVar

            from fastapi import Depends, FastAPI, Header

            request_id: ContextVar[str] = ContextVar("request_id", default="none")
            app = FastAPI()

            async def bind_request_id(x_request_id: str = Header(default="-")) -> None:
                request_id.set(x_request_id)

            @app.get("/", dependencies=[Depends(bind_request_id)])
            async def read() -> str:
                return request_id.get()
            """,
        ),
        Bad(
            """
            import time

            import structlog
            from fastapi import Depends, FastAPI

            app = FastAPI()

            def bind_user(name: str) -> None:
                time.sleep(0.1)
                structlog.contextvars.bind_contextvars(user=name)  # finding

            @app.get("/", dependencies=[Depends(bind_user)])
            async def read() -> int:
                return 1
            """
        ),
        Good(
            """
            from contextvars import ContextVar

            import structlog
            from fastapi import Depends, FastAPI

            request_id: ContextVar[str] = ContextVar("request_id", default="none")
            app = FastAPI()

            async def bind_request_id(name: str) -> None:
                request_id.set(name)
                structlog.contextvars.bind_contextvars(name=name)

            def with_block(name: str) -> int:
                token = request_id.set(name)
                try:
                    return len(request_id.get())
                finally:
                    request_id.reset(token)

            @app.get("/", dependencies=[Depends(bind_request_id), Depends(with_block)])
            def read() -> int:
                request_id.set("inside")
                return 1
            """
        ),
    ],
)

SETTING = (
    "contextvars.ContextVar.set",
    "structlog.contextvars.bind_contextvars",
    "structlog.contextvars.clear_contextvars",
)


@rule.check
def dependencies(function: Function) -> Iterator[Finding]:
    if function.is_async or not function.asked_for_by:
        return
    bound = next((c for c in function.calls if c.name in SETTING and c.method != "clear_contextvars"), None)
    if bound is None or any(c.name == "contextvars.ContextVar.reset" for c in function.calls):
        return
    yield bound.finding(
        f"`{function.name}` runs in a thread with a copy of the context, so what `{bound.callee.text}` sets is lost "
        "before the handler runs. Declare it with `async def`.",
        fix=_fix(function),
    )


def _fix(function: Function) -> Fix | None:
    """Only where nothing else is called, so that nothing can block the event loop."""
    edit = function.as_async()
    if edit is None or function.is_generator or any(not _is_harmless(c) for c in function.calls):
        return None
    return Fix("Declare it with `async def`", (edit,), safe=True)


def _is_harmless(call: Call) -> bool:
    return call.name in SETTING or call.name in {"str", "int", "uuid.uuid4"}


@rule.proof
def the_handler_sees_the_old_value(bad: Served) -> None:
    assert bad.get("/", headers={"X-Request-ID": "abc"}).json() == "none"
