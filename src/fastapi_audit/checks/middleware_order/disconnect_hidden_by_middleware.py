"""Middleware hides that the client has left

Under a `BaseHTTPMiddleware` (and so under `@app.middleware("http")`) `request.is_disconnected()` stays False after the
client has left: without one the route saw it within the next poll, with one it never did. What was to stop then, a
language model or a long query, runs to its end for nobody.

## Use instead
Write the middleware as a plain ASGI class: `async def __call__(self, scope, receive, send)`.
"""

from collections.abc import Iterator
from time import sleep

from fastapi_audit.evidence import App, Call, Middleware
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=[
        "https://starlette.dev/middleware/#limitations",
        "https://github.com/Kludex/starlette/discussions/2094",
    ],
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import FastAPI, Request

            app = FastAPI()

            @app.middleware("http")
            async def add_header(request: Request, call_next):
                response = await call_next(request)
                response.headers["x-service"] = "leads"
                return response

            @app.get("/answer")
            async def answer(request: Request) -> str:
                for _ in range(15):
                    await asyncio.sleep(0.1)
                    if await request.is_disconnected():  # finding
                        print("stopped", flush=True)
                        return "stopped"
                print("ran to its end", flush=True)
                return "done"
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI, Request
            from starlette.middleware.gzip import GZipMiddleware

            class AddHeader:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(AddHeader)
            app.add_middleware(GZipMiddleware, compresslevel=5)

            @app.get("/answer")
            async def answer(request: Request) -> str:
                while not await request.is_disconnected():
                    await asyncio.sleep(0.1)
                return "stopped"
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI, Request
            from fastapi.responses import StreamingResponse

            app = FastAPI()

            @app.middleware("http")
            async def cancel(request: Request, call_next):
                running = asyncio.create_task(call_next(request))
                while not running.done():
                    await asyncio.sleep(0.1)
                    if await request.is_disconnected():
                        running.cancel()
                return await running

            @app.get("/")
            async def home(request: Request) -> StreamingResponse:
                async def ticks():
                    while not await request.is_disconnected():
                        await asyncio.sleep(1)
                        yield "tick"

                return StreamingResponse(ticks())
            """
        ),
        Bad(
            """
            import asyncio

            from fastapi import FastAPI, Request

            app = FastAPI()
            reports = FastAPI()
            app.mount("/reports", reports)

            @app.middleware("http")
            async def passed(request: Request, call_next):
                return await call_next(request)

            @reports.get("/slow")
            async def slow(request: Request) -> str:
                for _ in range(50):
                    if await request.is_disconnected():  # finding
                        break
                    await asyncio.sleep(0.1)
                return "done"
            """
        ),
    ],
)

BASE = "starlette.middleware.base.BaseHTTPMiddleware"
BELOW_MIDDLEWARE = frozenset({"route", "dependency"})
"""The generator of a stream is cancelled when its client leaves, also below such a middleware."""


@rule.check(of=["fastapi.Request.is_disconnected"])
def polls(call: Call) -> Iterator[Finding]:
    ways = call.function.ways if call.function is not None else []
    for way in ways:
        if way.context not in BELOW_MIDDLEWARE or way.route is None:
            continue
        hiding = next((m for app in _around(way.route.app) for m in app.middleware if _hides(m)), None)
        if hiding is None:
            continue
        yield call.finding(
            f"`{call.callee.text}()` stays False after the client has left, because `{hiding.name.rpartition('.')[2]}` is a "
            "BaseHTTPMiddleware: the work goes on for nobody. Write it as a plain ASGI middleware.",
            operation=way.operation,
            trace=way.trace(call),
        )
        return


def _around(app: App) -> Iterator[App]:
    """The application and those that mount it."""
    yield app
    if app.parent is not None:
        yield from _around(app.parent)


def _hides(middleware: Middleware) -> bool:
    return middleware.is_function or middleware.is_a(BASE)


@rule.proof
def the_route_runs_to_its_end(bad: Served) -> None:
    try:
        bad.get("/answer", timeout=0.3)
    except TimeoutError:
        sleep(2)
    assert "ran to its end" in bad.log
    assert "stopped" not in bad.log
