"""Sockets of one process are taken for all sockets

A connection manager that keeps its sockets in a list knows those of its own process. With two workers or two replicas, a
message reached 7 of the 12 sockets in the room; the others stay silent, and nothing is logged.

## Use instead
Publish messages through Redis, NATS or PostgreSQL `LISTEN`/`NOTIFY`, and let every process send them to its own sockets.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Class, Expression, Function, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=["https://fastapi.tiangolo.com/advanced/websockets/#handling-disconnections-and-multiple-clients"],
    examples=[
        Bad(
            """
            import os

            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            class Room:
                def __init__(self) -> None:
                    self.sockets: list[WebSocket] = []

                async def join(self, websocket: WebSocket) -> None:
                    await websocket.accept()
                    self.sockets.append(websocket)  # finding
                    await websocket.send_text(str(os.getpid()))

                async def say(self, text: str) -> None:
                    for socket in self.sockets:
                        await socket.send_text(text)

            room = Room()

            @app.websocket("/room")
            async def enter(websocket: WebSocket) -> None:
                await room.join(websocket)
                try:
                    while True:
                        await room.say(await websocket.receive_text())
                except WebSocketDisconnect:
                    print("gone")
            """
        ),
        Bad(
            """
            from dataclasses import dataclass

            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            @dataclass
            class Member:
                room: str
                websocket: WebSocket

            class Rooms:
                def __init__(self) -> None:
                    self.members: list[Member] = []

                async def join(self, room: str, websocket: WebSocket) -> None:
                    await websocket.accept()
                    member = Member(room, websocket)
                    self.members.append(member)  # finding

                def inside(self, room: str) -> list[Member]:
                    found = []
                    for member in self.members:
                        if member.room == room:
                            found.append(member)
                    return found

                async def say(self, room: str, text: str) -> None:
                    for member in self.inside(room):
                        await member.websocket.send_text(text)

            rooms = Rooms()

            @app.websocket("/rooms/{room}")
            async def enter(websocket: WebSocket, room: str) -> None:
                await rooms.join(room, websocket)
                try:
                    while True:
                        await rooms.say(room, await websocket.receive_text())
                except WebSocketDisconnect:
                    print("gone")
            """
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket
            from redis.asyncio import Redis

            app = FastAPI()
            redis = Redis()

            class Room:
                def __init__(self) -> None:
                    self.sockets: list[WebSocket] = []

                async def join(self, websocket: WebSocket) -> None:
                    await websocket.accept()
                    self.sockets.append(websocket)

                async def listen(self) -> None:
                    async for text in redis.pubsub().listen():
                        for socket in self.sockets:
                            await socket.send_text(text)

            room = Room()

            @app.websocket("/room")
            async def enter(websocket: WebSocket) -> None:
                await room.join(websocket)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            class Session:
                def __init__(self, websocket: WebSocket) -> None:
                    self.websocket = websocket
                    self.texts: list[str] = []

                async def say(self) -> None:
                    for text in self.texts:
                        await self.websocket.send_text(text)

            @app.websocket("/room")
            async def enter(websocket: WebSocket) -> None:
                await websocket.accept()
                await Session(websocket).say()
            """
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket

            class Feed:
                def __init__(self) -> None:
                    self.sockets: list[WebSocket] = []

                async def serve(self, websocket: WebSocket) -> None:
                    self.sockets.append(websocket)
                    while True:
                        await websocket.send_text(await websocket.receive_text())

            feed = Feed()
            app = FastAPI()

            @app.websocket("/feed")
            async def join(websocket: WebSocket) -> None:
                await websocket.accept()
                await feed.serve(websocket)
            """
        ),
    ],
)

BROKERS = ("redis", "aioredis", "nats", "broadcaster", "aio_pika", "aiokafka", "socketio", "encode_broadcaster", "pika")
STORING = frozenset({"append", "add", "insert"})


@rule.check
def managers(cls: Class, project: Project) -> Iterator[Finding]:
    if any(m.imports_any(*BROKERS) for m in project.source.application_modules):
        return
    stored = [(name, place) for method in cls.methods for name, place in _stored(method)]
    spread = {name for method in cls.methods for name in _spread(method)} if stored else set()
    found = next(((name, place) for name, place in stored if name in spread), None)
    if found is None:
        return
    several = any(total.least > 1 for total in project.deployment.worker_totals)
    yield found[1].finding(
        f"`{found[0]}` holds the sockets of this process only: with several workers or replicas, a message reaches some of "
        "the clients. Publish it through Redis or another broker.",
        severity=None if several else Severity.MEDIUM,
    )


def _stored(method: Function) -> Iterator[tuple[str, Expression]]:
    """The attributes that a method puts a socket into, each with the place."""
    for call in method.calls:
        if call.method in STORING and call.receiver is not None and any(_holds_socket(a) for a in call.arguments):
            yield _attribute(call.receiver), call
    for statement in method.statements_of("assign"):
        if statement.value is not None and _holds_socket(statement.value):
            yield from ((_attribute(t), t) for t in statement.targets if t.kind == "subscript")


def _holds_socket(value: Expression) -> bool:
    """Whether it is a socket, or an object of the program that keeps one in a field."""
    if value.is_a("fastapi.WebSocket"):
        return True
    cls = value.defined_class if value.type_name is not None else None
    return cls is not None and any(
        f.annotation is not None and f.annotation.name == "fastapi.WebSocket" for f in cls.fields
    )


def _spread(method: Function) -> Iterator[str]:
    """The attributes over which a method sends, also those that another method selects from."""
    for call in method.calls:
        if not call.method.startswith("send_"):
            continue
        for over in (loop.value for loop in call.loops if loop.value is not None):
            yield _attribute(over)
            selecting = over.target if isinstance(over, Call) else None
            if selecting is not None and selecting.cls == method.cls:
                yield from (_attribute(s.value) for s in selecting.statements_of("loop") if s.value is not None)


def _attribute(expression: Expression) -> str:
    """`self.sockets` of `self.sockets[room].values()`."""
    parts = expression.text.partition("[")[0].partition("(")[0].split(".")
    return ".".join(parts[:2]) if parts[0] == "self" else expression.text


@rule.proof(options=["--workers", "2"])
def another_worker_hears_nothing(bad: Served) -> None:
    first, other = [bad.websocket("/room") for _ in bad.each_worker()]
    assert first.receive() != other.receive()
    first.send("hello")
    assert first.receive() == "hello"
    try:
        other.receive(timeout=1)
    except TimeoutError:
        return
    message = "the message crossed the processes"
    raise AssertionError(message)
