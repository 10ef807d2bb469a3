"""WebSocket passes on messages of any size

uvicorn takes messages of 16 MiB unless told otherwise, and this handler sends on what it gets: a message of 2 MB came back
whole. In a room with a hundred clients a single one makes the server send 200 MB, and hold them in memory for the slow
ones.

## Use instead
`uvicorn --ws-max-size 65536`, or close with 1009 what is longer than a message of yours can be.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import OpenedSocket
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-770",
    references=[
        "https://uvicorn.dev/settings/",
        "https://cheatsheetseries.owasp.org/cheatsheets/WebSocket_Security_Cheat_Sheet.html",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, WebSocket

            app = FastAPI()
            room: set[WebSocket] = set()

            @app.websocket("/room")
            async def talk(websocket: WebSocket) -> None:
                await websocket.accept()
                room.add(websocket)
                try:
                    async for text in websocket.iter_text():
                        for each in list(room):
                            await each.send_text(text)
                finally:
                    room.discard(websocket)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/room")
            async def talk(websocket: WebSocket) -> None:
                await websocket.accept()
                async for text in websocket.iter_text():
                    if len(text) > 10_000:
                        await websocket.close(1009)
                        return
                    await websocket.send_text(text)

            @app.websocket("/measured")
            async def measure(websocket: WebSocket) -> None:
                await websocket.accept()
                async for text in websocket.iter_text():
                    await websocket.send_json({"characters": len(text)})
            """
        ),
    ],
)


@rule.check
def on_the_wire(socket: OpenedSocket) -> Iterator[Finding | Undecided]:
    if exchange := socket.passes_on_large:
        yield Finding(
            f"`{socket.operation.partition(' ')[2]}` passes on a message of any size: one client makes the server send it to "
            "all. Set `--ws-max-size`, or close with 1009.",
            operation=socket.operation,
            observations=(exchange.observation("a message of 2 MB came back whole"),),
        )
    elif not socket.large.accepted:
        yield Undecided("it does not let the user in")


@rule.proof
def what_nobody_types_comes_back(bad: Served) -> None:
    socket = bad.websocket("/room")
    socket.send("x" * 900_000)
    assert len(socket.receive(timeout=20)) == 900_000
