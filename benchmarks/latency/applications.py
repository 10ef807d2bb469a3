"""Three applications whose latency is known: each keeps its own record, which `GET /record` tells."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

FIXED_SECONDS = 0.03
FAST_SECONDS, SLOW_SECONDS = 0.02, 0.12
SLOW_OF_HUNDRED = 6
STALL_EVERY, STALL_SECONDS = 3.6, 0.4


class Recording:
    """Notes how long each request was worked on, and how long the event loop stood still."""

    def __init__(self, app: ASGIApp, milliseconds: list[float]) -> None:
        self.app = app
        self.milliseconds = milliseconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        begun = time.perf_counter()
        await self.app(scope, receive, send)
        if scope["type"] == "http" and scope["path"] == "/work":
            self.milliseconds.append((time.perf_counter() - begun) * 1000)


@asynccontextmanager
async def stalling_now_and_then(app: FastAPI) -> AsyncIterator[None]:
    """A background task that blocks the loop, as a forgotten synchronous call does."""

    async def stall() -> None:
        while True:
            await asyncio.sleep(STALL_EVERY)
            begun = time.perf_counter()
            time.sleep(STALL_SECONDS)  # noqa: ASYNC251  the defect that is to be measured
            app.state.stalls.append((time.perf_counter() - begun) * 1000)

    task = asyncio.create_task(stall())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _application(work: Callable[[], Awaitable[None]], *, stalls: bool = False) -> FastAPI:
    app = FastAPI(lifespan=stalling_now_and_then if stalls else None)
    app.state.stalls = []
    milliseconds: list[float] = []
    app.add_middleware(Recording, milliseconds=milliseconds)

    @app.get("/work")
    async def answer() -> str:
        await work()
        return "done"

    @app.get("/record")
    async def record() -> dict[str, list[float]]:
        """What was recorded since it was asked last."""
        told = {"milliseconds": list(milliseconds), "stalls": list(app.state.stalls)}
        milliseconds.clear()
        app.state.stalls.clear()
        return told

    return app


async def _fixed() -> None:
    await asyncio.sleep(FIXED_SECONDS)


def _with_tail() -> Callable[[], Awaitable[None]]:
    served = 0

    async def work() -> None:
        nonlocal served
        served += 1
        await asyncio.sleep(SLOW_SECONDS if served % 100 < SLOW_OF_HUNDRED else FAST_SECONDS)

    return work


async def _short() -> None:
    await asyncio.sleep(0.005)


fixed = _application(_fixed)
tail = _application(_with_tail())
stalling = _application(_short, stalls=True)
