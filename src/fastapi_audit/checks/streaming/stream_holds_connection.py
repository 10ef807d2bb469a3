"""Database connection held for the length of a stream

A dependency with `yield` ends after the last byte of the response. A stream that reads from its session keeps that
connection until the slowest client has read everything: with a pool of two, two slow downloads made every other
request wait and then fail with a 500, `QueuePool limit … reached`.

## Use instead
Open a session inside the generator and read a chunk at a time, or fetch the rows, close, and stream what you have.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SESSIONS, Call, parameter_dependencies, streamed_by
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    applies_to="fastapi>=0.118",
    references=["https://fastapi.tiangolo.com/advanced/advanced-dependencies/"],
    cwe="CWE-400",
    examples=[
        Bad(
            """
            import time
            from collections.abc import Iterator

            from fastapi import Depends, FastAPI
            from fastapi.responses import StreamingResponse
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session
            from sqlalchemy.pool import QueuePool

            engine = create_engine(
                "sqlite://",
                poolclass=QueuePool,
                pool_size=1,
                max_overflow=0,
                pool_timeout=0.5,
                connect_args={"check_same_thread": False},
            )
            app = FastAPI()

            def get_db() -> Iterator[Session]:
                with Session(engine) as session:
                    yield session

            def rows(session: Session) -> Iterator[str]:
                for number in range(20):
                    yield str(session.scalar(text("select 1")))
                    time.sleep(0.1)

            @app.get("/export")
            def export(db: Session = Depends(get_db)) -> StreamingResponse:
                return StreamingResponse(rows(db))  # finding

            @app.get("/count")
            def count(db: Session = Depends(get_db)) -> int:
                return db.scalar(text("select 1"))
            """
        ),
        Good(
            """
            from collections.abc import Iterator

            from fastapi import Depends, FastAPI
            from fastapi.responses import StreamingResponse
            from sqlalchemy import create_engine, select, text
            from sqlalchemy.orm import Session

            engine = create_engine("postgresql+psycopg://db/leads")
            app = FastAPI()

            def get_db() -> Iterator[Session]:
                with Session(engine) as session:
                    yield session

            def own() -> Iterator[str]:
                with Session(engine) as session:
                    for row in session.execute(text("select 1")):
                        yield str(row)

            def lines(rows: list[int]) -> Iterator[str]:
                yield from map(str, rows)

            def load(session: Session) -> list[int]:
                return list(session.scalars(select(1)))

            @app.get("/own")
            def from_own(db: Session = Depends(get_db)) -> StreamingResponse:
                db.execute(text("select 1"))
                return StreamingResponse(own())

            @app.get("/fetched")
            def fetched(db: Session = Depends(get_db)) -> StreamingResponse:
                return StreamingResponse(lines(load(db)))

            @app.get("/early")
            def early(db: Session = Depends(get_db, scope="function")) -> StreamingResponse:
                return StreamingResponse(lines(load(db)))
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import StreamingResponse

            nothing = StreamingResponse(iter([]))
            app = FastAPI()

            @app.get("/export")
            def export() -> StreamingResponse:
                return nothing
            """
        ),
    ],
)

STREAMS = ["starlette.responses.StreamingResponse", "sse_starlette.EventSourceResponse"]


@rule.check(of=STREAMS)
def held_until_the_last_byte(call: Call) -> Iterator[Finding]:
    function = call.function
    if function is None:
        return
    for dependency in parameter_dependencies(function):
        parameter = function.parameter(dependency.parameter or "")
        provider = dependency.function
        if parameter is None or provider is None or not provider.is_generator or dependency.scope == "function":
            continue
        if parameter.is_a(*SESSIONS) and streamed_by(call, parameter.name):
            yield call.finding(
                f"`{parameter.name}` keeps its connection until the slowest client has read this stream: a few of them "
                "and the pool is empty for everyone. Open a session inside the generator, or fetch, close, then stream.",
            )


@rule.proof(needs=["sqlalchemy"])
def nobody_else_gets_a_connection(bad: Served) -> None:
    assert bad.get("/count").status_code == 200
    _, *counts = bad.together(("GET", "/export"), *[("GET", "/count")] * 6)
    assert 500 in [count.status_code for count in counts]
    bad.stop()
    assert "QueuePool limit" in bad.log
