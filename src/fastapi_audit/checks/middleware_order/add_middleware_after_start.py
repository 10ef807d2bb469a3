"""Middleware is added after the application has started

The stack is built before the lifespan runs, because the lifespan passes through it. `add_middleware` in a lifespan, a
startup handler or a route raises `RuntimeError: Cannot add middleware after an application has started`: the server
does not come up, or the request fails.

## Use instead
Add it where the application is made, next to `FastAPI()`. What it needs and only the lifespan can open, it reads from
`request.state` when a request comes.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Middleware
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://starlette.dev/middleware/", "https://fastapi.tiangolo.com/advanced/events/"],
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                app.add_middleware(GZipMiddleware)  # finding
                yield

            app = FastAPI(lifespan=lifespan)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware

            app = FastAPI()

            @app.post("/compression")
            def compress() -> None:
                app.add_middleware(GZipMiddleware)  # finding
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                inner.add_middleware(GZipMiddleware)
                yield

            def create_app() -> FastAPI:
                app = FastAPI(lifespan=lifespan)
                app.add_middleware(GZipMiddleware)
                return app

            inner = FastAPI()
            app = create_app()
            app.mount("/inner", inner)
            """
        ),
    ],
)

MESSAGE = (
    "This runs after the stack was built, so it raises RuntimeError. Add the middleware where the application is made."
)


@rule.check
def at_start(middleware: Middleware) -> Iterator[Finding]:
    instrumented = middleware.registration.method.startswith("prometheus_fastapi_instrumentator.")
    # `instrumented-too-late` speaks of that one.
    if middleware.stage != "import" and not middleware.app.is_mounted and not instrumented:
        yield middleware.finding(MESSAGE)


@rule.check(of=["fastapi.FastAPI.add_middleware"])
def in_requests(call: Call) -> Iterator[Finding]:
    reach = call.function.in_request if call.function is not None else None
    if reach is not None:
        yield call.finding(MESSAGE, trace=reach.trace())


@rule.proof
def the_server_does_not_come_up(bad: Served) -> None:
    assert not bad.started
    assert "Cannot add middleware after an application has started" in bad.log
