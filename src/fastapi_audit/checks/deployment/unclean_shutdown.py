"""The service does not stop cleanly when it is told to

At every deploy the orchestrator sends SIGTERM, waits (10 seconds in compose, 30 in Kubernetes) and kills. A service that
is still there then has not closed its pools, nor finished what it had accepted, and every deploy takes as much longer.
The usual reasons are a task that the lifespan waits for and nobody cancels, a thread that is no daemon, an exception
after `yield` in the lifespan, and a signal handler of one's own: it replaces uvicorn's, which lets open requests end.

## Use instead
Cancel what the lifespan has started before waiting for it, give each clean-up a time limit, start threads with
`daemon=True`, and leave SIGTERM to the server.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Shutdown
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=[
        "https://fastapi.tiangolo.com/advanced/events/",
        "https://uvicorn.dev/server-behavior/#graceful-process-shutdown",
    ],
    examples=[
        Bad(
            """
            import asyncio
            from contextlib import asynccontextmanager

            from fastapi import FastAPI


            async def refresh() -> None:
                while True:
                    await asyncio.sleep(1)


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                task = asyncio.create_task(refresh())
                yield
                await task


            app = FastAPI(lifespan=lifespan)


            @app.get("/leads")
            async def leads() -> str:
                return "ok"
            """
        ),
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                yield
                app.state.pool.close()


            app = FastAPI(lifespan=lifespan)


            @app.get("/leads")
            async def leads() -> str:
                return "ok"
            """
        ),
        Bad(
            """
            import asyncio
            import os
            import signal
            from contextlib import asynccontextmanager

            from fastapi import FastAPI


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
                yield


            app = FastAPI(lifespan=lifespan)


            @app.get("/report")
            async def report() -> str:
                await asyncio.sleep(1)
                return "ok"
            """
        ),
        Good(
            """
            import asyncio
            from contextlib import asynccontextmanager, suppress

            from fastapi import FastAPI


            async def refresh() -> None:
                while True:
                    await asyncio.sleep(1)


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                task = asyncio.create_task(refresh())
                yield
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


            app = FastAPI(lifespan=lifespan)


            @app.get("/report")
            async def report() -> str:
                await asyncio.sleep(1)
                return "ok"
            """
        ),
    ],
)


@rule.check
def on_the_wire(shutdown: Shutdown) -> Iterator[Finding]:
    if shutdown.hangs:
        yield Finding(
            "The service is still there long after it was told to stop, so that it is killed: nothing after `yield` in the "
            "lifespan is sure to run. Cancel what it waits for, or bound the waiting.",
            observations=(shutdown.observation("10 s after SIGTERM it had to be killed"),),
        )
    elif shutdown.fails:
        yield Finding(
            "What the service does when it stops ends in an exception: what stands after it is never closed.",
            observations=(shutdown.observation("after SIGTERM the log has `Application shutdown failed`"),),
        )
    elif exchange := shutdown.cut:
        yield Finding(
            "A request that is under way when the service is told to stop loses its answer, at every deploy. Leave SIGTERM to "
            "the server, which lets open requests end.",
            observations=(exchange.observation("SIGTERM came while this request was under way"),),
        )


@rule.proof
def it_has_to_be_killed(bad: Served) -> None:
    assert bad.stop(timeout=4) == float("inf")
