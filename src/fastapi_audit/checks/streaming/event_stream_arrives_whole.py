"""Stream of events that arrives all at once

The first event reaches the client when the last one is made: whoever waits for the words of a language model or for the
progress of a job sees nothing, and then everything. All of it is held in memory meanwhile, and a proxy that waits for the
first byte may give up. The usual reasons are a handler that makes the whole list before it returns the
`StreamingResponse`, and a middleware that joins the body of every response: six events, 120 ms apart, came together
after 730 ms with either, the first after 120 ms without.

## Use instead
A generator that yields each event when it is made, and middleware in pure ASGI, which passes the body on as it comes.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import EventStream
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=[
        "https://fastapi.tiangolo.com/advanced/custom-response/#streamingresponse",
        "https://developer.mozilla.org/en-US/docs/Web/API/Server-sent_events/Using_server-sent_events",
    ],
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import FastAPI
            from fastapi.responses import StreamingResponse

            app = FastAPI()

            async def words():
                for word in ("to", "be", "or", "not", "to", "be"):
                    await asyncio.sleep(0.12)
                    yield f"data: {word}\\n\\n"

            @app.get("/answer")
            async def answer() -> StreamingResponse:
                events = [event async for event in words()]
                return StreamingResponse(iter(events), media_type="text/event-stream")
            """
        ),
        Bad(
            """
            import asyncio

            from fastapi import FastAPI, Request, Response
            from fastapi.responses import StreamingResponse

            app = FastAPI()

            @app.middleware("http")
            async def measure(request: Request, call_next):
                response = await call_next(request)
                body = b"".join([chunk async for chunk in response.body_iterator])
                print(request.url.path, len(body))
                return Response(body, response.status_code, dict(response.headers))

            async def words():
                for word in ("to", "be", "or", "not", "to", "be"):
                    await asyncio.sleep(0.12)
                    yield f"data: {word}\\n\\n"

            @app.get("/answer")
            async def answer() -> StreamingResponse:
                return StreamingResponse(words(), media_type="text/event-stream")
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI, Request
            from fastapi.middleware.gzip import GZipMiddleware
            from fastapi.responses import StreamingResponse

            app = FastAPI()
            app.add_middleware(GZipMiddleware, minimum_size=10, compresslevel=5)

            @app.middleware("http")
            async def measure(request: Request, call_next):
                response = await call_next(request)
                print(request.url.path, response.status_code)
                return response

            async def words():
                for word in ("to", "be", "or", "not", "to", "be"):
                    await asyncio.sleep(0.12)
                    yield f"data: {word}\\n\\n"

            async def ticks():
                while True:
                    yield "data: tick\\n\\n"
                    await asyncio.sleep(0.2)

            @app.get("/answer")
            async def answer() -> StreamingResponse:
                return StreamingResponse(words(), media_type="text/event-stream")

            @app.get("/ticks")
            async def endless() -> StreamingResponse:
                return StreamingResponse(ticks(), media_type="text/event-stream")

            @app.get("/looked-up")
            async def looked_up() -> StreamingResponse:
                await asyncio.sleep(0.4)
                return StreamingResponse(words(), media_type="text/event-stream")

            @app.get("/export")
            async def export() -> StreamingResponse:
                await asyncio.sleep(0.4)
                return StreamingResponse(iter(["id,name\\n", "1,Ann\\n", "2,Bob\\n"]), media_type="text/csv")

            @app.get("/refused")
            async def refused() -> StreamingResponse:
                await asyncio.sleep(0.4)
                return StreamingResponse(iter(["data: nobody is there\\n\\n"]), media_type="text/event-stream")
            """
        ),
    ],
)


@rule.check
def on_the_wire(stream: EventStream) -> Iterator[Finding | Undecided]:
    if stream.arrives_whole:
        yield Finding(
            f"The events of `{stream.operation}` arrive together when the last one is made: the handler makes them all before "
            "it answers, or a middleware joins the body. Yield each one, and pass the body on.",
            operation=stream.operation,
            observations=(stream.exchanges[-1].observation(stream.told),),
        )
    elif not stream.is_told:
        yield Undecided("too few events came, or all too soon, to see when each does")


@rule.proof
def nothing_comes_before_the_end(bad: Served) -> None:
    reply = bad.get("/answer")
    assert reply.text.count("data:") == 6
    assert reply.first_byte_seconds > 0.7
    assert reply.seconds - reply.first_byte_seconds < 0.1
