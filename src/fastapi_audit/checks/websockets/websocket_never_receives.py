"""WebSocket loop that does not notice that its client has left

The goodbye of a client is a message: who never receives does not get it. The loop waits for the next event, which may
come in hours or never, and holds its queue, its subscription and its memory for a client that has gone; then the next
send fails with a traceback.

## Use instead
Two tasks in an `asyncio.TaskGroup`: one that sends, one that receives and ends both on `WebSocketDisconnect`.
"""

from collections.abc import Iterator
from time import sleep

from fastapi_audit.evidence import Call, Function, Route, Statement
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://starlette.dev/websockets/", "https://fastapi.tiangolo.com/advanced/websockets/"],
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import FastAPI, WebSocket

            app = FastAPI()
            feeds: set[asyncio.Queue] = set()

            @app.get("/feeds")
            async def count() -> int:
                return len(feeds)

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                queue: asyncio.Queue = asyncio.Queue()
                feeds.add(queue)
                try:
                    while True:  # finding
                        event = await queue.get()
                        await websocket.send_json(event)
                finally:
                    feeds.discard(queue)
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            async def forward(websocket: WebSocket, queue: asyncio.Queue) -> None:
                while True:
                    await websocket.send_json(await queue.get())

            async def until_goodbye(websocket: WebSocket) -> None:
                async for _ in websocket.iter_text():
                    pass

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                queue: asyncio.Queue = asyncio.Queue()
                sender = asyncio.create_task(forward(websocket, queue))
                await until_goodbye(websocket)
                sender.cancel()

            @app.websocket("/ticks")
            async def ticks(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    await asyncio.sleep(1)
                    try:
                        await websocket.send_text("tick")
                    except WebSocketDisconnect:
                        break

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    await websocket.send_text(await websocket.receive_text())
            """
        ),
    ],
)

SENDS = tuple(f"fastapi.WebSocket.send_{kind}" for kind in ("text", "json", "bytes"))
HEARS = ("receive", "iter_")
WAITS = frozenset({"get", "get_message", "wait", "listen", "recv", "receive", "subscribe", "blpop"})
DEEPEST = 4


@rule.check
def sockets(route: Route) -> Iterator[Finding]:
    function = route.function
    if not route.is_websocket or function is None or _hears(function, 0):
        return
    for reached in (function, *_callees(function)):
        for loop in reached.statements_of("loop"):
            if _is_endless(loop) and _waits_then_sends(loop):
                yield loop.finding(
                    f"`{route.full_path}` never receives, so it does not learn that its client has left: it waits on for "
                    "an event, with all that it holds. Receive in a second task.",
                    operation=route.operation,
                )
                return


def _callees(function: Function) -> list[Function]:
    """The project functions that it awaits and gives its socket to."""
    found = (c.target for c in function.calls if c.awaited and any(a.is_a("fastapi.WebSocket") for a in c.arguments))
    return [t for t in found if t is not None]


def _hears(function: Function, depth: int) -> bool:
    """Whether it, or what it calls, receives; or whether foreign code gets the socket and may."""
    for call in function.calls:
        if call.method.startswith(HEARS) and call.receiver is not None and call.receiver.is_a("fastapi.WebSocket"):
            return True
        target = call.target
        if target is None:
            if any(a.is_a("fastapi.WebSocket") for a in (*call.arguments, *call.keywords.values())):
                return True
        elif depth < DEEPEST and target.node is not function.node and _hears(target, depth + 1):
            return True
    return False


def _is_endless(loop: Statement) -> bool:
    return (loop.is_while and loop.value is None) or (
        loop.is_while and getattr(loop.value, "constant", None) in (True, 1)
    )


def _waits_then_sends(loop: Statement) -> bool:
    sends = any(c.name in SENDS for c in loop.calls)
    waits = any(c.awaited and c.method in WAITS and not _has_limit(c) for c in loop.calls)
    return sends and waits


def _has_limit(call: Call) -> bool:
    """Whether the wait ends by itself after a time."""
    taker = call.passed_to
    return "timeout" in call.keywords or bool(call.withs) or (taker is not None and taker.method == "wait_for")


@rule.proof
def the_feed_outlives_its_client(bad: Served) -> None:
    socket = bad.websocket("/feed")
    sleep(0.2)
    socket.close()
    sleep(0.5)
    assert bad.get("/feeds").json() == 1
