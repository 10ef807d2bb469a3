"""A loop that catches the goodbye of a WebSocket and goes on

When the client has left, every further `receive` raises at once. `except Exception` inside `while True` catches that and
tries again, for ever: one core is busy with a client that is gone, the log grows, and the server does not stop. Fifteen
seconds after SIGTERM it was still waiting for the socket.

## Use instead
`except WebSocketDisconnect: break` before the broad clause, or the `try` around the loop.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Handler, LeftSocket
from fastapi_audit.rule import Bad, Edit, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-835",
    references=["https://fastapi.tiangolo.com/advanced/websockets/#handling-disconnections-and-multiple-clients"],
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    try:
                        await websocket.send_text(await websocket.receive_text())
                    except Exception:  # finding
                        await asyncio.sleep(0.01)
            """,
            fixed="""
            from fastapi import WebSocketDisconnect
            import asyncio

            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    try:
                        await websocket.send_text(await websocket.receive_text())
                    except WebSocketDisconnect:
                        break
                    except Exception:
                        await asyncio.sleep(0.01)
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    try:
                        await websocket.send_text(await websocket.receive_text())
                    except Exception:  # finding
                        continue
            """,
            fixed="""
            from fastapi import WebSocketDisconnect
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    try:
                        await websocket.send_text(await websocket.receive_text())
                    except WebSocketDisconnect:
                        break
                    except Exception:
                        continue
            """,
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            polls: set[asyncio.Task] = set()

            async def poll() -> None:
                while True:
                    await asyncio.sleep(0.005)

            @app.websocket("/prices")
            async def prices(websocket: WebSocket) -> None:
                if not polls:
                    polls.add(asyncio.create_task(poll()))
                await websocket.accept()
                while True:
                    await websocket.send_text("1.20")
                    await asyncio.sleep(0.2)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket, WebSocketDisconnect
            from starlette.websockets import WebSocketState

            app = FastAPI()

            @app.websocket("/left")
            async def left(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    try:
                        await websocket.receive_json()
                    except WebSocketDisconnect:
                        break
                    except Exception as error:
                        print(error)

            @app.websocket("/asked")
            async def asked(websocket: WebSocket) -> None:
                await websocket.accept()
                while websocket.client_state == WebSocketState.CONNECTED:
                    try:
                        await websocket.receive_json()
                    except Exception as error:
                        print(error)

            @app.websocket("/ended")
            async def ended(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    try:
                        text = await websocket.receive_text()
                    except Exception:
                        break
                    try:
                        print(int(text))
                    except Exception as error:
                        print(error)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                goodbyes = 0
                while True:
                    try:
                        await websocket.send_text(await websocket.receive_text())
                    except WebSocketDisconnect:  # finding
                        goodbyes += 1
                    except Exception:
                        continue
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, WebSocket
            from fastapi import WebSocketDisconnect

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                try:
                    await websocket.send_text("hello")
                except WebSocketDisconnect:
                    return
                while True:
                    try:
                        await websocket.send_text(await websocket.receive_text())
                    except Exception:  # finding
                        continue
            """,
            fixed="""
            from fastapi import FastAPI, WebSocket
            from fastapi import WebSocketDisconnect

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                try:
                    await websocket.send_text("hello")
                except WebSocketDisconnect:
                    return
                while True:
                    try:
                        await websocket.send_text(await websocket.receive_text())
                    except WebSocketDisconnect:
                        break
                    except Exception:
                        continue
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                while True:
                    try:
                        await websocket.send_text(await websocket.receive_text())
                    except WebSocketDisconnect:
                        print("to ask again raises RuntimeError, which nothing catches")
            """
        ),
    ],
)

RECEIVERS = tuple(f"fastapi.WebSocket.receive_{kind}" for kind in ("text", "json", "bytes"))
GOODBYES = frozenset({"fastapi.WebSocketDisconnect", "Exception", "BaseException"})
AFTERWARDS = frozenset({"RuntimeError", "Exception", "BaseException"})
"""What catches the error of asking again, once the client has left."""


@rule.check(of=RECEIVERS)
def receivers(call: Call) -> Iterator[Finding]:
    if not call.loops or not call.loops[0].is_while or not _is_endless(call):
        return
    inside = [t for t in call.tries if t.loops[:1] == call.loops[:1]]
    handlers = [h for t in inside for h in t.handlers]
    first, next_time = (
        next((h for h in handlers if not kinds.isdisjoint(h.types)), None) for kinds in (GOODBYES, AFTERWARDS)
    )
    if first is None or next_time is None or first.leaves or next_time.leaves or any(t.final for t in inside):
        return
    yield first.finding(
        f"This catches the goodbye of the client, and the loop asks `{call.callee.text}` again, for ever: a busy loop that "
        "also keeps the server from stopping. Leave the loop on WebSocketDisconnect.",
        fix=_fix(first),
    )


@rule.check
def on_the_wire(socket: LeftSocket) -> Iterator[Finding]:
    if socket.serves_the_gone:
        yield Finding(
            f"The server works on for clients that have left `{socket.operation.partition(' ')[2]}`: its loop asks again, for "
            "ever. Leave the loop on WebSocketDisconnect.",
            operation=socket.operation,
            observations=(socket.exchange.observation(socket.told),),
        )


def _is_endless(call: Call) -> bool:
    test = call.loops[0].value
    return test is not None and test.constant in (True, 1)


def _fix(handler: Handler) -> Fix | None:
    if "fastapi.WebSocketDisconnect" in handler.types or handler.function is None:
        return None
    indent = " " * (handler.location.column - 1)
    clause = handler.insert_before(f"except WebSocketDisconnect:\n{indent}    break\n{indent}")
    return Fix("Leave the loop on WebSocketDisconnect", (clause, *_import(handler.function)))


def _import(function: Function) -> Iterator[Edit]:
    module = function.module
    added = module.import_edit("from fastapi import WebSocketDisconnect")
    if added is not None and module.scope.lookup("WebSocketDisconnect") is None:
        yield added


@rule.proof
def the_server_does_not_stop(bad: Served) -> None:
    socket = bad.websocket("/echo")
    socket.send("hello")
    assert socket.receive() == "hello"
    socket.close()
    assert bad.stop(timeout=4) == float("inf")
