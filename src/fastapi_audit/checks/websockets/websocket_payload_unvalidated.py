"""One broken message ends the WebSocket with a traceback

`receive_json` parses what the client sends and raises `JSONDecodeError` when it is no JSON; a binary frame raises
`KeyError: 'text'`. Without a `try`, one bad message is an unhandled exception: the connection breaks off abnormally and
the log fills with tracebacks, as often as a stranger likes.

## Use instead
Take `receive_text` and a Pydantic `TypeAdapter.validate_json` in a `try`, and answer an error or close with 1007.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, OpenedSocket
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe="CWE-20",
    references=["https://starlette.dev/websockets/", "https://docs.pydantic.dev/latest/concepts/type_adapter/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            @app.websocket("/agents")
            async def agents(websocket: WebSocket) -> None:
                await websocket.accept()
                try:
                    while True:
                        task = await websocket.receive_json()  # finding
                        await websocket.send_json({"done": task})
                except WebSocketDisconnect:
                    print("gone")
            """
        ),
        Good(
            """
            import json

            from fastapi import FastAPI, WebSocket, WebSocketDisconnect

            app = FastAPI()

            async def read(websocket: WebSocket) -> object:
                return await websocket.receive_json()

            @app.websocket("/agents")
            async def agents(websocket: WebSocket) -> None:
                await websocket.accept()
                try:
                    while True:
                        try:
                            task = await websocket.receive_json()
                        except json.JSONDecodeError:
                            await websocket.send_json({"error": "no JSON"})
                            continue
                        await websocket.send_json({"done": task})
                except WebSocketDisconnect:
                    print("gone")

            @app.websocket("/others")
            async def others(websocket: WebSocket) -> None:
                await websocket.accept()
                try:
                    await read(websocket)
                except (WebSocketDisconnect, ValueError):
                    print("gone")
            """
        ),
    ],
)

CAUGHT_BY = frozenset(
    {"json.JSONDecodeError", "json.decoder.JSONDecodeError", "ValueError", "Exception", "BaseException"}
)
DEEPEST = 3


@rule.check(of=["fastapi.WebSocket.receive_json"])
def receivers(call: Call) -> Iterator[Finding]:
    if not _is_caught(call, 0):
        yield call.finding(
            f"`{call.callee.text}` raises on what is no JSON, and nothing catches it: one bad message breaks the connection "
            "with a traceback. Catch ValueError and answer an error."
        )


def _is_caught(call: Call, depth: int) -> bool:
    if any(not CAUGHT_BY.isdisjoint(h.types) for t in call.tries for h in t.handlers):
        return True
    callers = call.function.callers if call.function is not None and depth < DEEPEST else []
    return bool(callers) and all(_is_caught(c, depth + 1) for c in callers)


@rule.check
def on_the_wire(socket: OpenedSocket) -> Iterator[Finding | Undecided]:
    if exchange := socket.breaks:
        yield Finding(
            f"One message that is no JSON breaks `{socket.operation.partition(' ')[2]}` with an unhandled error. Catch "
            "ValueError and answer an error.",
            operation=socket.operation,
            observations=(
                exchange.observation(f"after `{{fastapi-audit` the connection ended with {socket.broken.code}"),
            ),
        )
    elif not socket.user.stays:
        yield Undecided("it lets nobody stay who says nothing")
    elif socket.broken.broken and not socket.logged and not socket.nobody.stays:
        yield Undecided("only the log tells, of a server that the probe starts itself: use --app")


@rule.proof
def a_bad_message_is_an_unhandled_error(bad: Served) -> None:
    socket = bad.websocket("/agents")
    socket.send("no JSON")
    try:
        socket.receive()
    except ConnectionError:
        bad.stop()
        assert "JSONDecodeError" in bad.log
        return
    message = "the server answered"
    raise AssertionError(message)
