"""Three or more BaseHTTPMiddleware around every request

Each `BaseHTTPMiddleware` starts a task and passes the response through a stream of its own: one took a request of 79 µs
to 193 µs, five to 601 µs. The same as plain ASGI classes cost nothing that could be measured (78 µs).

## Use instead
`async def __call__(self, scope, receive, send)`; what adds headers wraps `send`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Middleware
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=["https://starlette.dev/middleware/#pure-asgi-middleware"],
    unproven="The claim is a ratio of microseconds under load, which a test on a shared machine cannot hold to.",
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from starlette.middleware.base import BaseHTTPMiddleware

            class AddHeader(BaseHTTPMiddleware):
                async def dispatch(self, request: Request, call_next):
                    return await call_next(request)

            app = FastAPI()  # finding
            app.add_middleware(AddHeader)

            @app.middleware("http")
            async def time_it(request: Request, call_next):
                return await call_next(request)

            @app.middleware("http")
            async def name_it(request: Request, call_next):
                return await call_next(request)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.middleware.cors import CORSMiddleware
            from fastapi.middleware.gzip import GZipMiddleware

            class AddHeader:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(AddHeader)
            app.add_middleware(AddHeader)
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])
            app.add_middleware(GZipMiddleware, compresslevel=5)

            @app.middleware("http")
            async def time_it(request: Request, call_next):
                return await call_next(request)

            @app.middleware("http")
            async def name_it(request: Request, call_next):
                return await call_next(request)
            """
        ),
    ],
)

BASE = "starlette.middleware.base.BaseHTTPMiddleware"
MANY = 3


@rule.check
def apps(app: App) -> Iterator[Finding]:
    found = [m for m in app.middleware if _is_base(m) and m.condition is None]
    if len(found) >= MANY:
        names = ", ".join(f"`{m.name.rpartition('.')[2]}`" for m in found)
        yield app.finding(
            f"{len(found)} BaseHTTPMiddleware stand around every request ({names}), each with a task and a stream of its "
            "own: about 0.1 ms of CPU each. Write the hottest as plain ASGI classes."
        )


def _is_base(middleware: Middleware) -> bool:
    return middleware.is_function or middleware.is_a(BASE)
