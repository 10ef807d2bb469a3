"""slowapi limit on a WebSocket

slowapi's decorators know HTTP requests only. On a WebSocket handler they raise `Exception: parameter request must be
an instance of starlette.requests.Request` at every connection: nobody can connect.

## Use instead
Count connections and messages in the handler, keyed by user, or limit the upgrade request at the gateway
(nginx `limit_conn`).
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, LimitedFunction
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://slowapi.readthedocs.io/en/latest/#limitations-and-known-issues"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, WebSocket
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.websocket("/feed")
            @limiter.limit("2/minute")  # finding
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()
                await websocket.send_text("hello")
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request, WebSocket
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.websocket("/feed")
            async def feed(websocket: WebSocket) -> None:
                await websocket.accept()

            @app.get("/feed")
            @limiter.limit("2/minute")
            async def read(request: Request) -> str:
                return "hello"
            """
        ),
    ],
)


@rule.check
def decorators(limited: LimitedFunction) -> Iterator[Finding]:
    if limited.method not in {"limit", "shared_limit"} or limited.above_route is not None:
        return
    sockets = [d for d in limited.function.decorators if isinstance(d, Call) and d.method == "websocket"]
    if sockets:
        yield limited.decorator.finding(
            f"slowapi cannot limit the WebSocket handler `{limited.function.name}`: it raises at every connection. "
            "Count in the handler or at the gateway."
        )


@rule.proof(needs=("slowapi",))
def nobody_can_connect(bad: Served) -> None:
    try:
        bad.websocket("/feed").receive()
    except (OSError, TimeoutError):
        bad.stop()
        assert "must be an instance of starlette.requests.Request" in bad.log
        return
    raise AssertionError
