"""One dead client breaks the message to all others

Sending to a socket whose client has vanished raises. In a loop over all sockets without a `try` around each send, the
clients behind it get nothing, and the exception ends the connection of whoever was sending, although that one is well.

## Use instead
Send in a `try` for each socket, drop those that fail, and loop over a copy: `for socket in list(self.sockets)`.
"""

from collections.abc import Iterator
from time import sleep

from fastapi_audit.evidence import Call, Module, Statement
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/advanced/websockets/#handling-disconnections-and-multiple-clients"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            class Room:
                def __init__(self) -> None:
                    self.sockets: list[WebSocket] = []

                async def say(self, text: str) -> None:
                    for socket in self.sockets:
                        await socket.send_text(text)  # finding

            room = Room()

            @app.websocket("/room")
            async def enter(websocket: WebSocket) -> None:
                await websocket.accept()
                room.sockets.append(websocket)
                try:
                    while True:
                        await room.say(await websocket.receive_text())
                except WebSocketDisconnect:
                    print("gone", flush=True)
            """
        ),
        Good(
            """
            from contextlib import suppress

            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            class Room:
                def __init__(self) -> None:
                    self.sockets: set[WebSocket] = set()

                async def say(self, text: str) -> None:
                    for socket in list(self.sockets):
                        try:
                            await socket.send_text(text)
                        except (RuntimeError, WebSocketDisconnect):
                            self.sockets.discard(socket)

                async def whisper(self, text: str) -> None:
                    for socket in list(self.sockets):
                        with suppress(Exception):
                            await socket.send_text(text)

                async def greet(self, websocket: WebSocket) -> None:
                    for line in ("hello", "and welcome"):
                        await websocket.send_text(line)

            room = Room()

            @app.websocket("/room")
            async def enter(websocket: WebSocket) -> None:
                await websocket.accept()
                room.sockets.add(websocket)
                await room.greet(websocket)
                try:
                    while True:
                        await room.say(await websocket.receive_text())
                        await room.whisper("said")
                finally:
                    room.sockets.discard(websocket)
            """
        ),
    ],
)

SENDERS = frozenset({"send_text", "send_json", "send_bytes"})


@rule.check
def modules(module: Module) -> Iterator[Finding]:
    if not module.imports_any("fastapi", "starlette"):
        return
    functions = list(module.functions)
    if not any(p.is_a("fastapi.WebSocket") for f in functions for p in f.parameters):
        return
    for function in functions:
        for call in function.calls:
            if call.method in SENDERS and call.awaited:
                yield from _unguarded(call)


def _unguarded(call: Call) -> Iterator[Finding]:
    loop = next((loop for loop in call.loops if _over_sockets(loop, call)), None)
    if loop is None or _is_guarded(call, loop):
        return
    yield call.finding(
        "The first client that has vanished ends this loop: the others get nothing, and the connection of the sender "
        f"breaks. Send to each in a `try`, drop those that fail, and loop over `list({_name(loop)})`.",
        severity=Severity.MEDIUM if _drops_sockets(call) else None,
    )


def _over_sockets(loop: Statement, call: Call) -> bool:
    """Whether a `for` runs over sockets and the call sends to the one at hand."""
    if loop.is_while or call.receiver is None:
        return False
    first = (call.receiver.written or "").partition(".")[0]
    return any(first in (t.written, *(e.written for e in t.elements)) for t in loop.targets)


def _name(loop: Statement) -> str:
    return loop.value.text if loop.value is not None else ""


def _is_guarded(call: Call, loop: Statement) -> bool:
    inside = [t for t in call.tries if any(other == loop for other in t.loops)]
    suppressing = [w for w in call.withs if isinstance(w, Call) and w.name == "contextlib.suppress"]
    return any(t.handlers for t in inside) or bool(suppressing)


def _drops_sockets(call: Call) -> bool:
    """Whether the class takes sockets off its list when their clients leave."""
    methods = call.function.cls.methods if call.function is not None and call.function.cls is not None else []
    return any(c.method in {"remove", "discard", "pop"} for m in methods for c in m.calls)


@rule.proof
def a_dead_client_takes_the_sender_along(bad: Served) -> None:
    gone, sender = bad.websocket("/room"), bad.websocket("/room")
    gone.drop()
    sleep(0.5)
    sender.send("hello")
    try:
        sender.receive(timeout=3)
    except ConnectionError:
        return
    message = "the sender got its own message"
    raise AssertionError(message)
