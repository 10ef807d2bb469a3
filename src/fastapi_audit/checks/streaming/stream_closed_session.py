"""Session that is closed before the stream reads from it

The body of a `StreamingResponse` is produced after the handler has returned. A session that the handler opened in a
`with` block, or that comes from a dependency which ends with the handler, is closed by then. SQLAlchemy opens it again
without a word, and nobody closes it: in a run the connections in use rose with every request. asyncpg raises, after
the status 200 was sent.

## Use instead
Open the session inside the generator. Or fetch what is needed, close, then stream it.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SESSIONS, Call, Expression, Function, Project, parameter_dependencies, streamed_by
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/advanced/advanced-dependencies/"],
    cwe="CWE-772",
    examples=[
        Bad(
            """
            import gc
            from collections.abc import Iterator

            from fastapi import FastAPI
            from fastapi.responses import StreamingResponse
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session
            from sqlalchemy.pool import QueuePool

            gc.disable()
            engine = create_engine("sqlite:///file::memory:?uri=true&cache=shared", poolclass=QueuePool, pool_size=10)
            kept: list[Session] = []
            app = FastAPI()

            def rows(session: Session) -> Iterator[str]:
                kept.append(session)
                yield str(session.scalar(text("select 1")))

            @app.get("/export")
            def export() -> StreamingResponse:
                with Session(engine) as session:
                    return StreamingResponse(rows(session))  # finding

            @app.get("/in-use")
            def in_use() -> int:
                return engine.pool.checkedout()
            """
        ),
        Bad(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI
            from fastapi.responses import StreamingResponse
            from sqlalchemy import select
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            Session = async_sessionmaker(create_async_engine("postgresql+asyncpg://db/leads"))

            async def get_db():
                async with Session() as session:
                    yield session

            app = FastAPI()

            @app.get("/export")
            async def export(db: Annotated[AsyncSession, Depends(get_db, scope="function")]):
                async def rows():
                    async for row in await db.stream(select(1)):
                        yield str(row)

                return StreamingResponse(rows())  # finding

            @app.get("/again")
            async def again():
                async with Session() as session:
                    async def rows():
                        async for row in await session.stream(select(1)):
                            yield str(row)

                    response = StreamingResponse(rows())  # finding
                    return response
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from fastapi.responses import StreamingResponse
            from sqlalchemy import create_engine, select
            from sqlalchemy.orm import Session, sessionmaker

            SessionLocal = sessionmaker(create_engine("postgresql+psycopg://db/leads"))

            def get_db():
                with SessionLocal() as session:
                    yield session

            def own():
                with SessionLocal() as session:
                    yield from session.scalars(select(1))

            def lines(rows):
                yield from rows

            app = FastAPI()

            @app.get("/own")
            def from_own() -> StreamingResponse:
                return StreamingResponse(own())

            @app.get("/fetched")
            def fetched() -> StreamingResponse:
                with SessionLocal() as session:
                    rows = session.scalars(select(1)).all()
                return StreamingResponse(lines(rows))

            @app.get("/fetched-inside")
            def inside() -> StreamingResponse:
                with SessionLocal() as session:
                    rows = session.scalars(select(1)).all()
                    return StreamingResponse(lines(rows))

            @app.get("/until-the-end")
            def until_the_end(db: Session = Depends(get_db)) -> StreamingResponse:
                return StreamingResponse(lines(db.scalars(select(1)).all()))
            """
        ),
        Bad(
            {
                "main.py": """
                from collections.abc import Iterator

                from fastapi import Depends, FastAPI
                from fastapi.responses import StreamingResponse
                from sqlalchemy import create_engine, select
                from sqlalchemy.orm import Session

                from tables import Lead

                engine = create_engine("postgresql://db/leads")
                app = FastAPI()

                def get_session() -> Iterator[Session]:
                    with Session(engine) as session:
                        yield session

                def rows(session: Session) -> Iterator[str]:
                    for name in session.scalars(select(Lead.name)):
                        yield name

                @app.get("/export")
                def export(session: Session = Depends(get_session)) -> StreamingResponse:
                    return StreamingResponse(rows(session))  # finding
                """,
                "requirements.txt": """
                fastapi==0.115.0
                """,
            }
        ),
        Good(
            """
            from collections.abc import Iterator
            from threading import Lock

            from fastapi import FastAPI
            from fastapi.responses import StreamingResponse

            turn = Lock()
            nothing = StreamingResponse(iter([]))
            app = FastAPI()

            def rows() -> Iterator[str]:
                yield "1"

            @app.get("/export")
            def export() -> StreamingResponse:
                with turn:
                    return StreamingResponse(rows())

            @app.get("/empty")
            def empty() -> StreamingResponse:
                return nothing
            """
        ),
    ],
)

STREAMS = ["starlette.responses.StreamingResponse", "sse_starlette.EventSourceResponse"]
ENDED_WITH_THE_HANDLER = "fastapi>=0.106,<0.118"
"""Here every dependency with `yield` ended before the response was sent."""


@rule.check(of=STREAMS)
def closed_when_it_is_read(call: Call, project: Project) -> Iterator[Finding]:
    function = call.function
    if function is None or function.is_generator:
        return
    for name, where in (*_opened_here(call), *_ended_early(function, project)):
        if streamed_by(call, name):
            yield call.finding(
                f"`{name}`, {where}, is closed before the body of this response is produced: the generator opens it "
                "again and nobody gives the connection back. Open it inside the generator.",
            )


def _opened_here(call: Call) -> Iterator[tuple[str, str]]:
    for opened in call.withs:
        name = opened.assigned_to
        if name is not None and _is_connection(opened):
            yield name, f"from the `with` around it (line {opened.location.line})"


def _is_connection(opened: Expression) -> bool:
    return opened.is_a(*SESSIONS)


def _ended_early(function: Function, project: Project) -> Iterator[tuple[str, str]]:
    for dependency in parameter_dependencies(function):
        parameter = function.parameter(dependency.parameter or "")
        provider = dependency.function
        if parameter is None or provider is None or not provider.is_generator or not parameter.is_a(*SESSIONS):
            continue
        if dependency.scope == "function":
            yield parameter.name, 'from a dependency with `scope="function"`'
        elif project.uses(ENDED_WITH_THE_HANDLER):
            yield parameter.name, "from a dependency, which this FastAPI ends with the handler"


@rule.proof(needs=["sqlalchemy"])
def each_stream_leaves_a_connection_in_use(bad: Served) -> None:
    before = bad.get("/in-use").json()
    for _ in range(3):
        assert bad.get("/export").text == "1"
    after = bad.get("/in-use").json()
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after >= before + 3
