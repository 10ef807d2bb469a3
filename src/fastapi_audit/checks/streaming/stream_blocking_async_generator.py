"""Blocking call in an async generator that streams

An `async def` generator runs on the event loop. Each blocking call between two chunks stops every other request: with
`time.sleep(0.1)` twenty times, a health check waited 1.8 s. A plain `def` generator does not: Starlette iterates it in
a thread (1 ms), so it needs no change.

## Use instead
The async client in the generator, or a plain `def` generator.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Reach, WaitBeside
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/advanced/custom-response/#streamingresponse"],
    examples=[
        Bad(
            """
            import time
            from collections.abc import AsyncIterator

            from fastapi import FastAPI
            from fastapi.responses import StreamingResponse

            app = FastAPI()

            async def rows() -> AsyncIterator[str]:
                for number in range(10):
                    time.sleep(0.1)  # finding
                    yield f"{number}\\n"

            @app.get("/export")
            async def export() -> StreamingResponse:
                return StreamingResponse(rows())

            @app.get("/ping")
            async def ping() -> str:
                return "pong"
            """
        ),
        Good(
            """
            import asyncio
            import time
            from collections.abc import AsyncIterator, Iterator

            from fastapi import FastAPI
            from fastapi.responses import StreamingResponse

            app = FastAPI()

            def rows() -> Iterator[str]:
                for number in range(10):
                    time.sleep(0.1)
                    yield f"{number}\\n"

            async def others() -> AsyncIterator[str]:
                for number in range(10):
                    await asyncio.to_thread(time.sleep, 0.1)
                    yield f"{number}\\n"

            @app.get("/export")
            async def export() -> StreamingResponse:
                return StreamingResponse(rows())

            @app.get("/others")
            async def more() -> StreamingResponse:
                return StreamingResponse(others())
            """
        ),
    ],
)


@rule.check
def blocks_between_chunks(reach: Reach) -> Iterator[Finding]:
    if (
        reach.context != "stream"
        or not reach.on_loop
        or any(w.context == "route" and w.on_loop for w in reach.function.ways)
    ):
        return
    for blocking in reach.blocking:
        severity = {"file": Severity.LOW, "bulk": Severity.MEDIUM}.get(blocking.wait.kind)
        name = blocking.call.callee.written or blocking.name
        yield blocking.call.finding(
            f"`{name}` blocks the event loop between the chunks of a stream ({reach.arrow(name)}): every other request "
            "of the worker waits. Await the async counterpart, or make it a plain `def` generator.",
            severity=severity,
            trace=reach.trace(blocking.call),
            operation=reach.operation,
        )


@rule.check
def on_the_wire(wait: WaitBeside) -> Iterator[Finding | Undecided]:
    if wait.holds_up and wait.streams:
        yield Finding(
            "This stream blocks the event loop between its chunks: every other request of the worker waits. Await the async "
            "counterpart, or make it a plain `def` generator.",
            location=wait.place,
            operation=wait.operation,
            trace=wait.steps[:-1],
            observations=(wait.rounds[0].slow.observation(wait.told),),
        )
    elif not wait.is_told:
        yield Undecided("beside it a request got no answer")


@rule.proof
def other_requests_wait_for_the_stream(bad: Served) -> None:
    _, ping = bad.together(("GET", "/export"), ("GET", "/ping"))
    assert ping.seconds > 0.3
