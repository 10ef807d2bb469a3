"""WebSocket keeps a database connection for as long as it is open

A `yield` dependency of a WebSocket is closed when the socket is: after hours. A session that has asked once keeps its
connection until then. With a pool of two, the third idle client got `QueuePool limit … TimeoutError`, and so did every
HTTP request.

## Use instead
Take the sessionmaker, and open a session for each message.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SESSIONS, Call, Dependency, Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI, WebSocket
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session, sessionmaker

            engine = create_engine("sqlite:///leads.db", pool_size=1, max_overflow=0, pool_timeout=0.3)
            sessions = sessionmaker(engine)
            app = FastAPI()

            def get_session():
                with sessions() as session:
                    yield session

            @app.websocket("/leads")  # finding
            async def leads(websocket: WebSocket, session: Session = Depends(get_session)) -> None:
                await websocket.accept()
                async for message in websocket.iter_text():
                    session.execute(text("SELECT 1"))
                    await websocket.send_text(message)

            @app.get("/count")
            def count(session: Session = Depends(get_session)) -> int:
                return session.execute(text("SELECT 1")).scalar_one()
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, WebSocket
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session, sessionmaker

            sessions = sessionmaker(create_engine("sqlite:///leads.db"))
            app = FastAPI()

            def get_session():
                with sessions() as session:
                    yield session

            @app.websocket("/leads")
            async def leads(websocket: WebSocket) -> None:
                await websocket.accept()
                async for message in websocket.iter_text():
                    with sessions() as session:
                        session.execute(text("SELECT 1"))
                    await websocket.send_text(message)

            @app.websocket("/once")
            async def once(websocket: WebSocket, session: Session = Depends(get_session)) -> None:
                await websocket.accept()
                await websocket.send_text(str(session.execute(text("SELECT 1")).scalar_one()))
                await websocket.close()
            """
        ),
    ],
)


@rule.check
def sockets(route: Route) -> Iterator[Finding]:
    function = route.function
    if not route.is_websocket or function is None or not any(_repeats(c) for c in function.calls):
        return
    held = next((d for d in route.dependencies if _gives_session(d)), None)
    if held is not None:
        yield route.finding(
            f"`{held.name.rpartition('.')[2]}` keeps its session open for as long as `{route.full_path}` is: every client "
            "may hold one connection of the pool. Open a session for each message."
        )


def _repeats(call: Call) -> bool:
    """Whether it talks to the client again and again."""
    if (call.name or "").startswith("fastapi.WebSocket.iter_"):
        return True
    return bool(call.loops) and (call.name or "").startswith(("fastapi.WebSocket.receive", "fastapi.WebSocket.send"))


def _gives_session(dependency: Dependency) -> bool:
    function = dependency.function
    if function is None or not function.is_generator or dependency.scope == "function":
        return False
    return any(given.is_a(*SESSIONS) for y in function.yields for given in list(y.walk())[1:2])


@rule.proof(needs=["sqlalchemy"])
def others_get_no_connection(bad: Served) -> None:
    assert bad.get("/count").status_code == 200
    socket = bad.websocket("/leads")
    socket.send("hello")
    assert socket.receive() == "hello"
    assert bad.get("/count").status_code == 500
