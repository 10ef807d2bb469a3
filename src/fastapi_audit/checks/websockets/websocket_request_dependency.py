"""A dependency of a WebSocket asks for the Request

A WebSocket has no `Request`. A dependency with a parameter `request: Request` works for HTTP and fails for every
WebSocket with `TypeError: … missing 1 required positional argument: 'request'`, also when it is declared for the whole
application.

## Use instead
`HTTPConnection` from `starlette.requests`: the base of both, with headers, cookies, query, state and app.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function, Parameter, Route
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://starlette.dev/requests/", "https://fastapi.tiangolo.com/reference/httpconnection/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI, Request, WebSocket

            def client(request: Request) -> str:  # finding
                return request.headers.get("x-client", "nobody")

            app = FastAPI(dependencies=[Depends(client)])

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                await websocket.send_text("hello")
            """,
            fixed="""
            from starlette.requests import HTTPConnection
            from fastapi import Depends, FastAPI, Request, WebSocket

            def client(request: HTTPConnection) -> str:
                return request.headers.get("x-client", "nobody")

            app = FastAPI(dependencies=[Depends(client)])

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                await websocket.send_text("hello")
            """,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Request, WebSocket
            from starlette.requests import HTTPConnection

            def client(connection: HTTPConnection) -> str:
                return connection.headers.get("x-client", "nobody")

            def method(request: Request) -> str:
                return request.method

            def either(request: Request = None, websocket: WebSocket = None) -> str:
                return (request or websocket).headers.get("x-client", "nobody")

            app = FastAPI(dependencies=[Depends(client), Depends(either)])

            @app.get("/", dependencies=[Depends(method)])
            def home() -> str:
                return "hello"

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI, Request, WebSocket

            app = FastAPI()

            async def caller(request: Request) -> str:  # finding
                return f"{request.method} {request.url.path}"

            @app.websocket("/feed")
            async def feed(websocket: WebSocket, caller: str = Depends(caller)) -> None:
                await websocket.accept()
                await websocket.send_text(caller)
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI, Request, WebSocket
            from fastapi.requests import HTTPConnection

            app = FastAPI()

            def language(connection: HTTPConnection) -> str:
                return connection.headers.get("accept-language", "en")

            def caller(request: Request) -> str:  # finding
                return request.headers.get("user-agent", "")

            @app.websocket("/feed")
            async def feed(websocket: WebSocket, caller=Depends(caller), language=Depends(language)) -> None:
                await websocket.accept()
                await websocket.send_text(caller + language)
            """,
            fixed="""
            from fastapi import Depends, FastAPI, Request, WebSocket
            from fastapi.requests import HTTPConnection

            app = FastAPI()

            def language(connection: HTTPConnection) -> str:
                return connection.headers.get("accept-language", "en")

            def caller(request: HTTPConnection) -> str:
                return request.headers.get("user-agent", "")

            @app.websocket("/feed")
            async def feed(websocket: WebSocket, caller=Depends(caller), language=Depends(language)) -> None:
                await websocket.accept()
                await websocket.send_text(caller + language)
            """,
        ),
    ],
)

SHARED = frozenset(
    {"headers", "cookies", "url", "base_url", "query_params", "path_params", "client", "state", "app", "scope", "session",
     "user", "auth", "url_for"}
)  # fmt: skip
"""What a Request has in common with a WebSocket."""


@rule.check
def sockets(route: Route) -> Iterator[Finding]:
    if not route.is_websocket:
        return
    for dependency in route.dependencies:
        function = dependency.function
        asked = [] if function is None else [p for p in function.parameters if _is_request(p)]
        if function is not None and asked:
            yield function.finding(
                f"`{function.name}` asks for a Request, which a WebSocket has not: every connection to "
                f"`{route.full_path}` fails with TypeError. Ask for an HTTPConnection.",
                operation=route.operation,
                fix=_fix(function, asked[0]),
            )


def _is_request(parameter: Parameter) -> bool:
    return parameter.default is None and parameter.type_name == "fastapi.Request"


def _fix(function: Function, parameter: Parameter) -> Fix | None:
    written = parameter.annotation
    used = [e.written or "" for e in function.expressions if (e.written or "").startswith(f"{parameter.name}.")]
    bare = [e for e in function.expressions if e.written == parameter.name]
    below = [u for u in used if u.split(".")[1] not in SHARED]
    if written is None or written.name != "fastapi.Request" or below or any(e.passed_to for e in bare):
        return None
    edits = [written.replace("HTTPConnection")]
    if function.module.scope.lookup("HTTPConnection") is None:
        added = function.module.import_edit("from starlette.requests import HTTPConnection")
        edits += [added] if added is not None else []
    return Fix("Ask for an HTTPConnection", tuple(edits), safe=True)


@rule.proof
def no_socket_opens(bad: Served) -> None:
    try:
        bad.websocket("/feed")
    except OSError:
        assert "missing 1 required positional argument: 'request'" in bad.log
        return
    message = "the connection was accepted"
    raise AssertionError(message)
