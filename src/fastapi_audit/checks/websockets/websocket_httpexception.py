"""HTTPException in a WebSocket

A WebSocket knows close codes, not status codes. An `HTTPException` that leaves its handler after `accept()` is no clean
close: the client sees its connection break off, and the log shows a traceback. Before `accept()` the client is refused
as meant, and the log still shows `ASGI callable returned without completing handshake`, an error for each attempt.

## Use instead
`raise WebSocketException(code=1008, reason="…")`: before `accept()` it is a clean refusal, after it a clean close.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Route, Statement
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/advanced/websockets/#using-depends-and-others"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, HTTPException, WebSocket

            app = FastAPI()

            @app.websocket("/agents")
            async def agents(websocket: WebSocket) -> None:
                await websocket.accept()
                if await websocket.receive_text() != "secret":
                    raise HTTPException(401, "who are you?")  # finding
                await websocket.send_text("welcome")
            """,
            fixed="""
            from fastapi import WebSocketException
            from fastapi import FastAPI, HTTPException, WebSocket

            app = FastAPI()

            @app.websocket("/agents")
            async def agents(websocket: WebSocket) -> None:
                await websocket.accept()
                if await websocket.receive_text() != "secret":
                    raise WebSocketException(code=1008, reason="who are you?")
                await websocket.send_text("welcome")
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException, WebSocket

            app = FastAPI()

            @app.websocket("/status")
            async def status(websocket: WebSocket, key: str = "") -> None:
                if key != "secret":
                    raise HTTPException(status_code=401, detail=f"unknown key {key}")  # finding
                await websocket.accept()
            """,
            fixed="""
            from fastapi import WebSocketException
            from fastapi import FastAPI, HTTPException, WebSocket

            app = FastAPI()

            @app.websocket("/status")
            async def status(websocket: WebSocket, key: str = "") -> None:
                if key != "secret":
                    raise WebSocketException(code=1008)
                await websocket.accept()
            """,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Header, HTTPException, WebSocket, WebSocketException

            app = FastAPI()

            def signed_in(authorization: str = Header("")) -> str:
                if not authorization:
                    raise HTTPException(401)
                return authorization

            @app.get("/leads")
            def leads(user: str = Depends(signed_in)) -> str:
                return user

            @app.websocket("/agents")
            async def agents(websocket: WebSocket, user: str = Depends(signed_in)) -> None:
                await websocket.accept()
                try:
                    if await websocket.receive_text() != "secret":
                        raise HTTPException(401)
                except HTTPException:
                    await websocket.close(1008)
                if not user:
                    raise WebSocketException(1008)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException, WebSocket, WebSocketException

            REFUSED = {"status_code": 403, "detail": "no"}
            app = FastAPI()

            @app.websocket("/agents")
            async def agents(websocket: WebSocket) -> None:
                await websocket.accept()
                if await websocket.receive_text() != "token":
                    raise HTTPException(**REFUSED)  # finding

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                if await websocket.receive_text() != "token":
                    raise WebSocketException(code=1008)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException, WebSocket
            from starlette.exceptions import WebSocketException

            app = FastAPI()

            @app.websocket("/agents")
            async def agents(websocket: WebSocket) -> None:
                await websocket.accept()
                word = await websocket.receive_text()
                if not word:
                    raise WebSocketException(code=1007)
                if word != "token":
                    raise HTTPException(403)  # finding
            """,
            fixed="""
            from fastapi import FastAPI, HTTPException, WebSocket
            from starlette.exceptions import WebSocketException

            app = FastAPI()

            @app.websocket("/agents")
            async def agents(websocket: WebSocket) -> None:
                await websocket.accept()
                word = await websocket.receive_text()
                if not word:
                    raise WebSocketException(code=1007)
                if word != "token":
                    raise WebSocketException(code=1008)
            """,
        ),
    ],
)

EXCEPTIONS = ("fastapi.HTTPException", "starlette.exceptions.HTTPException")
LONGEST_REASON = 100
"""A close frame takes 123 bytes; a longer reason is an error of its own."""
CAUGHT_BY = frozenset({*EXCEPTIONS, "Exception", "BaseException"})


@rule.check
def sockets(route: Route) -> Iterator[Finding]:
    function = route.function
    if not route.is_websocket or function is None:
        return
    for statement in function.statements_of("raise"):
        value = statement.value
        if value is None or not (value.is_a(*EXCEPTIONS) or value.is_class(*EXCEPTIONS)):
            continue
        if any(not CAUGHT_BY.isdisjoint(h.types) for t in statement.tries for h in t.handlers):
            continue
        late = _is_accepted(function, statement)
        yield statement.finding(
            f"`{route.full_path}` is a WebSocket, where HTTPException is no answer: "
            + ("the client sees a broken connection and the log a traceback. " if late else "the log shows an error. ")
            + "Raise `WebSocketException(code=1008)`.",
            operation=route.operation,
            fix=_fix(statement),
            severity=None if late else Severity.LOW,
        )


def _is_accepted(function: Function, statement: Statement) -> bool:
    """Whether the socket may be open by then: accepted here, or handed to something that may accept it."""
    before = [c for c in function.calls if c.location < statement.location]
    given = [a for c in before for a in (*c.arguments, *c.keywords.values())]
    return any(c.method == "accept" for c in before) or any(a.is_a("fastapi.WebSocket") for a in given)


def _fix(statement: Statement) -> Fix | None:
    made, function = statement.value, statement.function
    if not isinstance(made, Call) or function is None or made.spreads:
        return None
    detail = made.argument("detail", 1)
    short = detail is not None and detail.kind == "constant" and len(detail.text) < LONGEST_REASON
    reason = f", reason={detail.text}" if detail is not None and short else ""
    edits = [made.replace(f"WebSocketException(code=1008{reason})")]
    added = function.module.import_edit("from fastapi import WebSocketException")
    if added is not None and function.module.scope.lookup("WebSocketException") is None:
        edits.append(added)
    return Fix("Close with 1008", tuple(edits), safe=True)


@rule.proof
def the_connection_breaks_off(bad: Served) -> None:
    socket = bad.websocket("/agents")
    socket.send("guess")
    try:
        socket.receive()
    except ConnectionError:
        assert socket.code != 1008
        return
    message = "the server answered"
    raise AssertionError(message)
