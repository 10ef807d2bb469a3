"""WebSocket lets anyone in

Nothing asks a client who it is: no dependency, no token, no cookie. HTTP middleware does not see a WebSocket, so what
guards the other routes does not guard this one. Whoever knows the path reads and sends what signed-in users may, and so
does any page in the browser of somebody who is inside your network: browsers let every page open a WebSocket.

## Use instead
A dependency that checks a cookie, a header or a short-lived ticket in the query before `accept()` and raises
`WebSocketException(code=1008)`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import OpenedSocket, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe="CWE-306",
    references=[
        "https://fastapi.tiangolo.com/advanced/websockets/#using-depends-and-others",
        "https://cheatsheetseries.owasp.org/cheatsheets/WebSocket_Security_Cheat_Sheet.html",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
            from fastapi.responses import JSONResponse

            app = FastAPI()

            @app.middleware("http")
            async def authenticate(request: Request, call_next):
                if request.headers.get("authorization") != "Bearer secret":
                    return JSONResponse({"detail": "sign in first"}, status_code=401)
                return await call_next(request)

            @app.get("/agents")
            def agents() -> list[str]:
                return ["ann"]

            @app.websocket("/agents/{agent_id}")  # finding
            async def agent(websocket: WebSocket, agent_id: str) -> None:
                await websocket.accept()
                try:
                    await websocket.send_text(await websocket.receive_text())
                except WebSocketDisconnect:
                    print("gone")
            """
        ),
        Bad(
            """
            from fastapi import APIRouter, Depends, FastAPI, WebSocket
            from fastapi.security import HTTPBearer

            agents = APIRouter(prefix="/agents")

            @agents.post("/chat")
            async def chat(prompt: str) -> str:
                return prompt

            @agents.websocket("/work")  # finding
            async def work(websocket: WebSocket) -> None:
                await websocket.accept()
                await websocket.send_text(await websocket.receive_text())

            app = FastAPI()
            app.include_router(agents)

            @app.get("/leads", dependencies=[Depends(HTTPBearer())])
            def leads() -> list[str]:
                return ["ada"]
            """
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import Cookie, Depends, FastAPI, WebSocket, WebSocketException

            app = FastAPI()

            def signed_in(session: Annotated[str | None, Cookie()] = None) -> str:
                if session is None:
                    raise WebSocketException(code=1008)
                return session

            async def authenticate(websocket: WebSocket) -> bool:
                return websocket.query_params.get("ticket") == "secret"

            @app.websocket("/guarded")
            async def guarded(websocket: WebSocket, user: Annotated[str, Depends(signed_in)]) -> None:
                await websocket.accept()

            @app.websocket("/checked")
            async def checked(websocket: WebSocket) -> None:
                if not await authenticate(websocket):
                    await websocket.close(1008)
                    return
                await websocket.accept()

            @app.websocket("/by-token")
            async def by_token(websocket: WebSocket, token: str) -> None:
                if token != "secret":
                    await websocket.close(1008)
                    return
                await websocket.accept()
            """
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket

            class Authentication:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope["type"] in ("http", "websocket") and not dict(scope["headers"]).get(b"authorization"):
                        return
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Authentication)

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
            """
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket
            from sessions import SessionBackend
            from starlette.middleware.authentication import AuthenticationMiddleware

            app = FastAPI()
            app.add_middleware(AuthenticationMiddleware, backend=SessionBackend())

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                await websocket.send_text("hello")
            """,
            live=False,
        ),
    ],
)

GUARDS = re.compile(
    r"auth(?!or\b|ors\b)|(?<!max_)(?<!num_)token(?!iz|s\b|s_)|ticket|jwt|api_?key|cookie|credential|permission|signature"
    r"|current_user|session_user|user_session|sign(ed)?_in|logged_in|login|principal|identity|x_forwarded_user|\.user\b"
    r"|secret|password|\bsession\b(?=.*cookie)",
    re.IGNORECASE,
)


@rule.check
def sockets(route: Route) -> Iterator[Finding]:
    function = route.function
    if not route.is_websocket or function is None or route.auth or _is_public(route):
        return
    providers = [d.function for d in route.dependencies]
    if any(d.is_foreign or GUARDS.search(d.name) for d in route.dependencies):
        return
    if any(f.speaks_of(GUARDS) for f in (function, *providers) if f is not None) or _stack_asks(route):
        return
    guarded = any(r.auth for r in route.app.root.all_routes) or _http_asks(route)
    found = route.finding(
        f"`{route.full_path}` accepts whoever connects, also from any page that a user opens: nothing checks a token, a "
        "cookie or a header. Check one in a dependency before `accept()`, and close with 1008.",
        severity=None if guarded else Severity.MEDIUM,
    )
    yield replace(found, confidence=Confidence.LOW) if _is_open_on_purpose(route) else found


def _is_open_on_purpose(route: Route) -> bool:
    """Whether its router serves everyone, while others of the application do not."""
    siblings = [r for r in route.app.routes if r.router is route.router and not r.is_websocket]
    # A single route that writes and is open may be as forgotten as the socket.
    tells = len(siblings) > 1 or not any(r.is_mutating for r in siblings)
    open_router = bool(siblings) and tells and not any(r.auth for r in siblings)
    return open_router and any(r.auth for r in route.app.root.all_routes)


def _is_public(route: Route) -> bool:
    return "public" in route.full_path or "public" in route.endpoint


def _stack_asks(route: Route) -> bool:
    """Whether a middleware that sees WebSockets asks for credentials."""
    for app in (route.app, route.app.root):
        for middleware in app.middleware:
            if middleware.is_a("starlette.middleware.authentication.AuthenticationMiddleware"):
                return True
            if middleware.is_function or middleware.is_a("starlette.middleware.base.BaseHTTPMiddleware"):
                continue
            if GUARDS.search(middleware.name) or any(f.speaks_of(GUARDS) for f in middleware.functions):
                return True
    return False


def _http_asks(route: Route) -> bool:
    """Whether a middleware for HTTP asks for credentials, which this route goes round."""
    return any(f.speaks_of(GUARDS, depth=0) for m in route.app.root.middleware for f in m.functions)


@rule.check
def on_the_wire(socket: OpenedSocket) -> Iterator[Finding | Undecided]:
    exchange = socket.serves_nobody
    if exchange is not None and "public" not in socket.operation:
        yield Finding(
            f"`{socket.operation.partition(' ')[2]}` serves whoever connects, without a token, a cookie or a header. Check one "
            "in a dependency before `accept()`, and close with 1008.",
            operation=socket.operation,
            severity=Severity.MEDIUM,
            observations=(exchange.observation("somebody without credentials was let in and answered"),),
        )
    elif not socket.nobody.exchange.answered:
        yield Undecided("no answer came")
    elif socket.nobody.stays and not socket.nobody.received:
        yield Undecided("it lets somebody without credentials in, and says nothing")


@rule.proof
def anyone_is_served(bad: Served) -> None:
    assert bad.get("/agents").status_code == 401
    socket = bad.websocket("/agents/ann")
    socket.send("secret orders")
    assert socket.receive() == "secret orders"
