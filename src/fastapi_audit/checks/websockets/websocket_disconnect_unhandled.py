"""Leaving a WebSocket is an unhandled exception

`receive_text`, `receive_json` and `receive_bytes` raise `WebSocketDisconnect` when the client leaves. In a loop that
does not catch it, every normal goodbye ends in `ERROR: Exception in ASGI application` with a traceback, and whatever
stands after the loop, such as taking the socket off a list, never runs.

## Use instead
`except WebSocketDisconnect:` around the loop with the cleanup in `finally`, or `async for text in websocket.iter_text()`,
which ends by itself.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, OpenedSocket, Route
from fastapi_audit.rule import Bad, Edit, Finding, Fix, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/advanced/websockets/#handling-disconnections-and-multiple-clients"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    text = await websocket.receive_text()  # finding
                    if text:
                        await websocket.send_text(text)
            """,
            fixed="""
            from fastapi import WebSocketDisconnect
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                try:
                    while True:
                        text = await websocket.receive_text()
                        if text:
                            await websocket.send_text(text)
                except WebSocketDisconnect:
                    pass
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            class Connection:
                def __init__(self, websocket: WebSocket) -> None:
                    self.websocket = websocket

                async def read(self) -> str:
                    return await self.websocket.receive_text()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                connection = Connection(websocket)
                while True:
                    try:
                        await websocket.send_text(await connection.read())  # finding
                    except ValueError:
                        continue
            """,
            fixed="""
            from fastapi import WebSocketDisconnect
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            class Connection:
                def __init__(self, websocket: WebSocket) -> None:
                    self.websocket = websocket

                async def read(self) -> str:
                    return await self.websocket.receive_text()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                connection = Connection(websocket)
                try:
                    while True:
                        try:
                            await websocket.send_text(await connection.read())
                        except ValueError:
                            continue
                except WebSocketDisconnect:
                    pass
            """,
        ),
        Good(
            """
            from contextlib import suppress

            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()
            GONE = (ValueError, WebSocketDisconnect)

            async def converse(websocket: WebSocket) -> None:
                while True:
                    await websocket.send_text(await websocket.receive_text())

            @app.websocket("/caught")
            async def caught(websocket: WebSocket) -> None:
                await websocket.accept()
                try:
                    await converse(websocket)
                except GONE:
                    print("gone")

            @app.websocket("/suppressed")
            async def suppressed(websocket: WebSocket) -> None:
                await websocket.accept()
                with suppress(WebSocketDisconnect):
                    await converse(websocket)

            @app.websocket("/iterated")
            async def iterated(websocket: WebSocket) -> None:
                await websocket.accept()
                async for text in websocket.iter_text():
                    await websocket.send_text(text)

            @app.websocket("/raw")
            async def raw(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    message = await websocket.receive()
                    if message["type"] == "websocket.disconnect":
                        break
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            @asynccontextmanager
            async def connected(websocket: WebSocket):
                await websocket.accept()
                try:
                    yield
                except WebSocketDisconnect:
                    print("gone")

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                async with connected(websocket):
                    while True:
                        await websocket.send_text(await websocket.receive_text())
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            async def talk(websocket: WebSocket) -> None:
                name = await websocket.receive_text()
                while name:
                    name = await websocket.receive_text()

            @app.websocket("/greet")
            async def greet(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    await talk(websocket)  # finding
            """,
            fixed="""
            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            async def talk(websocket: WebSocket) -> None:
                name = await websocket.receive_text()
                while name:
                    name = await websocket.receive_text()

            @app.websocket("/greet")
            async def greet(websocket: WebSocket) -> None:
                await websocket.accept()
                try:
                    while True:
                        await talk(websocket)
                except WebSocketDisconnect:
                    pass
            """,
        ),
        Bad(
            '''
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/help")
            async def help(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    asked = await websocket.receive_text()  # finding
                    await websocket.send_text(f"""You asked
            {asked}.""")
            '''
        ),
    ],
)

RECEIVERS = tuple(f"fastapi.WebSocket.receive_{kind}" for kind in ("text", "json", "bytes"))
CAUGHT_BY = frozenset({"fastapi.WebSocketDisconnect", "Exception", "BaseException"})
DEEPEST = 4


@rule.check
def sockets(route: Route) -> Iterator[Finding]:
    if not route.is_websocket or route.function is None:
        return
    for call in _unhandled(route.function, looping=False, depth=0):
        yield call.finding(
            f"When the client leaves, `{call.callee.text}` raises WebSocketDisconnect and nothing catches it: a "
            "traceback for every goodbye, and no cleanup. Catch it around the loop.",
            operation=route.operation,
            fix=_fix(call),
        )


def _unhandled(function: Function, *, looping: bool, depth: int) -> Iterator[Call]:
    """The calls in a function that are repeated and let WebSocketDisconnect out."""
    for call in function.calls:
        if _is_caught(call):
            continue
        repeated = looping or bool(call.loops)
        if call.name in RECEIVERS:
            if repeated:
                yield call
            continue
        target = call.target
        if target is None or depth > DEEPEST or not call.awaited or target.node is function.node:
            continue
        inner = list(_unhandled(target, looping=repeated, depth=depth + 1))
        # Around the loop here, one `try` catches all that is called from it.
        if not all(i.loops for i in inner):
            yield call
        else:
            yield from inner


def _is_caught(call: Call) -> bool:
    if any(not CAUGHT_BY.isdisjoint(h.types) for t in call.tries for h in t.handlers):
        return True
    return any(_suppresses(manager) for manager in call.withs if isinstance(manager, Call))


def _suppresses(manager: Call) -> bool:
    """Whether a context manager catches it."""
    if manager.name == "contextlib.suppress":
        return any((a.name or a.text) in CAUGHT_BY for a in manager.arguments)
    target = manager.target
    if target is None:
        return False
    entered = [y for y in target.yields if y.tries]
    return any(not CAUGHT_BY.isdisjoint(h.types) for y in entered for t in y.tries for h in t.handlers)


def _fix(call: Call) -> Fix | None:
    loop, function = call.loops[-1], call.function
    if function is None or '"""' in loop.text or "'''" in loop.text or "\\\n" in loop.text:
        return None
    indent = " " * (loop.location.column - 1)
    lines = [line and f"    {line}" for line in f"{indent}{loop.text}".split("\n")]
    wrapped = "\n".join(["try:", *lines, f"{indent}except WebSocketDisconnect:", f"{indent}    pass"])
    return Fix("Catch WebSocketDisconnect around the loop", (loop.replace(wrapped), *_import(function)), safe=True)


def _import(function: Function) -> Iterator[Edit]:
    module = function.module
    added = module.import_edit("from fastapi import WebSocketDisconnect")
    if added is not None and module.scope.lookup("WebSocketDisconnect") is None:
        yield added


@rule.check
def on_the_wire(socket: OpenedSocket) -> Iterator[Finding | Undecided]:
    if exchange := socket.goodbye_is_error:
        yield Finding(
            f"When a client leaves `{socket.operation.partition(' ')[2]}`, nothing catches WebSocketDisconnect: a traceback for "
            "every goodbye, and no cleanup. Catch it around the loop.",
            operation=socket.operation,
            observations=(exchange.observation("after a normal goodbye the log has `Exception in ASGI application`"),),
        )
    elif not socket.user.stays:
        yield Undecided("it lets nobody stay who says nothing")
    elif not socket.logged:
        yield Undecided("only the log tells, of a server that the probe starts itself: use --app")


@rule.proof
def a_normal_goodbye_is_an_error(bad: Served) -> None:
    socket = bad.websocket("/echo")
    socket.send("hello")
    assert socket.receive() == "hello"
    socket.close()
    bad.stop()
    assert "Exception in ASGI application" in bad.log
    assert "WebSocketDisconnect" in bad.log
