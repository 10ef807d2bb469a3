"""WebSocket that is used before it is accepted

Sending or receiving before `accept()` raises a `RuntimeError`: the handshake fails with 500 and no client ever connects.

## Use instead
`await websocket.accept()` first, after the checks of credentials and Origin.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/advanced/websockets/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/greet")
            async def greet(websocket: WebSocket) -> None:
                await websocket.send_text("hello")  # finding

            @app.websocket("/late")
            async def late(websocket: WebSocket) -> None:
                name = await websocket.receive_text()  # finding
                await websocket.accept()
                await websocket.send_text(name)
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import Depends, FastAPI, WebSocket, WebSocketException
            from otherwhere import connect

            app = FastAPI()

            async def accepted(websocket: WebSocket) -> None:
                await websocket.accept()

            @asynccontextmanager
            async def connected(websocket: WebSocket):
                await websocket.accept()
                yield

            @app.websocket("/by-dependency", dependencies=[Depends(accepted)])
            async def by_dependency(websocket: WebSocket) -> None:
                await websocket.send_text("hello")

            @app.websocket("/by-context")
            async def by_context(websocket: WebSocket) -> None:
                async with connected(websocket):
                    await websocket.send_text("hello")

            @app.websocket("/by-foreign-code")
            async def by_foreign_code(websocket: WebSocket) -> None:
                await connect(websocket)
                await websocket.send_text("hello")

            @app.websocket("/refused")
            async def refused(websocket: WebSocket) -> None:
                await websocket.close(1008)
            """
        ),
    ],
)

USES = tuple(
    f"fastapi.WebSocket.{verb}_{kind}" for verb in ("send", "receive", "iter") for kind in ("text", "json", "bytes")
)
ACCEPT = "fastapi.WebSocket.accept"


@rule.check
def sockets(route: Route) -> Iterator[Finding]:
    function = route.function
    if not route.is_websocket or function is None:
        return
    socket = next((p.name for p in function.parameters if p.is_a("fastapi.WebSocket")), None)
    used = next((c for c in function.calls_to(*USES) if c.receiver is not None and c.receiver.written == socket), None)
    if used is None or any(d.is_foreign or _may_accept(d.function) for d in route.dependencies):
        return
    before = [c for c in function.calls if c.location < used.location]
    if any(c.method == "accept" or _hands_on(c, socket) for c in before):
        return
    yield used.finding(
        f"`{route.full_path}` uses its socket before `accept()`: every handshake ends in a RuntimeError and status 500. "
        "Accept it first.",
        operation=route.operation,
    )


def _may_accept(function: Function | None) -> bool:
    return function is not None and any(
        p.is_a("fastapi.WebSocket", "starlette.requests.HTTPConnection") for p in function.parameters
    )


def _hands_on(call: Call, socket: str | None) -> bool:
    """Whether something else gets the socket, which may accept it."""
    given = (*call.arguments, *call.keywords.values())
    return any(e.mentions(socket or "") for e in given)


@rule.proof
def the_handshake_fails(bad: Served) -> None:
    try:
        bad.websocket("/greet")
    except OSError:
        bad.stop()
        assert "RuntimeError" in bad.log
        return
    message = "the handshake succeeded"
    raise AssertionError(message)
