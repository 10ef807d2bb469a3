"""WebSocket that never looks at the Origin header

Browsers let any page open a WebSocket to your host and send your cookies with it. `CORSMiddleware` does not look at
WebSockets: with it installed, a handshake from `https://evil.example` was accepted and answered. Where a cookie says
who the user is, the foreign page acts as that user.

## Use instead
Compare `websocket.headers["origin"]` with the allowed origins before `accept()`, and close with 1008; or take a token
that the page has to know instead of a cookie. A socket that asks for nothing at all is `websocket-unauthenticated`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function, OpenedSocket, Route
from fastapi_audit.rule import Bad, Finding, Good, Refutation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://cheatsheetseries.owasp.org/cheatsheets/WebSocket_Security_Cheat_Sheet.html"],
    cwe="CWE-1385",
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI, WebSocket

                app = FastAPI()

                @app.websocket("/feed")  # finding
                async def feed(websocket: WebSocket) -> None:
                    if "session" not in websocket.cookies:
                        await websocket.close(1008)
                        return
                    await websocket.accept()
                    await websocket.send_text("private")
                    await websocket.close()
                """,
                "headers.txt": """
                Cookie: session=ada
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI, WebSocket

                app = FastAPI()

                @app.websocket("/feed")
                async def feed(websocket: WebSocket) -> None:
                    origin, host = websocket.headers.get("origin"), websocket.headers["host"]
                    if "session" not in websocket.cookies or origin not in (None, f"http://{host}"):
                        await websocket.close(1008)
                        return
                    await websocket.accept()
                    await websocket.send_text("private")
                    await websocket.receive_text()
                """,
                "headers.txt": """
                Cookie: session=ada
                """,
            }
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket

            app = FastAPI()

            @app.websocket("/echo")
            async def echo(websocket: WebSocket) -> None:
                await websocket.accept()
                async for text in websocket.iter_text():
                    await websocket.send_text(text)
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Header, Query, WebSocket, WebSocketException

            ALLOWED = {"https://app.example.com"}

            def known_origin(websocket: WebSocket) -> None:
                if websocket.headers.get("origin") not in ALLOWED:
                    raise WebSocketException(1008)

            app = FastAPI()

            @app.websocket("/feed", dependencies=[Depends(known_origin)])
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                await websocket.send_text(websocket.cookies["session"])

            @app.websocket("/declared")
            async def declared(websocket: WebSocket, origin: str = Header()) -> None:
                if origin in ALLOWED:
                    await websocket.accept()
                    await websocket.send_text(websocket.cookies["session"])

            @app.websocket("/token")
            async def token(websocket: WebSocket, token: str = Query()) -> None:
                if token == "known":
                    await websocket.accept()
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import FastAPI, WebSocket

            class OriginMiddleware:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    if scope["type"] == "websocket" and dict(scope["headers"]).get(b"origin") != b"https://app.example.com":
                        await send({"type": "websocket.close", "code": 1008})
                        return
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(OriginMiddleware)

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                await websocket.send_text(websocket.cookies["session"])
            """,
            decided=False,
        ),
    ],
)

COOKIE_SCHEME = "fastapi.security.APIKeyCookie"
DEEPEST = 3


@rule.check
def any_page_may_connect(route: Route) -> Iterator[Finding]:
    function = route.function
    if not route.is_websocket or function is None:
        return
    functions = [function, *(d.function for d in route.dependencies if d.function is not None)]
    if any(_mentions(f, "origin", 0) for f in functions) or _stack_checks(route):
        return
    if any(_reads_cookie(f) for f in functions) or COOKIE_SCHEME in route.auth:
        yield route.finding(
            f"`{route.full_path}` knows its user by a cookie, which browsers send from any page, and nothing compares "
            "the Origin header (CORS does not cover WebSockets). Check it before `accept()`."
        )


def _reads_cookie(function: Function) -> bool:
    if any(p.marker("fastapi.Cookie", "fastapi.params.Cookie") is not None for p in function.parameters):
        return True
    return any((e.written or "").endswith((".cookies", ".session")) for e in function.expressions)


def _mentions(function: Function, word: str, depth: int) -> bool:
    """Whether a function, or project code that it calls, speaks of something."""
    if word in function.text.lower() or any(word in p.name.lower() for p in function.parameters):
        return True
    targets = [c.target for c in function.calls] if depth < DEEPEST else []
    return any(t is not None and t.node is not function.node and _mentions(t, word, depth + 1) for t in targets)


def _stack_checks(route: Route) -> bool:
    apps = (route.app, route.app.root)
    return any(_mentions(f, "origin", 0) for app in apps for m in app.middleware for f in m.functions)


@rule.check
def on_the_wire(socket: OpenedSocket) -> Iterator[Finding | Refutation | Undecided]:
    if exchange := socket.lets_foreign_page_in:
        yield Finding(
            f"`{socket.operation.partition(' ')[2]}` knows its user by a cookie, which browsers send from any page, and lets a "
            "page of any site in. Compare the Origin header before `accept()`.",
            operation=socket.operation,
            observations=(exchange.observation("a foreign page is let in as the user"),),
        )
    elif exchange := socket.keeps_foreign_page_out:
        yield Refutation(
            "The running service keeps a foreign page out.",
            socket.operation,
            (exchange.observation("a foreign page is refused, one of the service itself is let in"),),
        )
    elif not socket.knows_cookie:
        yield Undecided("no user with a cookie was given: use --header-file")
    elif not socket.user.accepted:
        yield Undecided("it does not let the user in")


@rule.proof
def a_foreign_page_reads_the_feed(bad: Served) -> None:
    socket = bad.websocket("/feed", headers={"origin": "https://evil.example", "cookie": "session=ada"})
    assert socket.receive() == "private"
