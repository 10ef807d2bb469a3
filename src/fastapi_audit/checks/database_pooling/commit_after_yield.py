"""Commit after yield: the client is told OK before the data is saved

Since FastAPI 0.118 the code after `yield` of a dependency runs when the response has been sent, after the background
tasks too. A commit there that fails, at a constraint, a deadlock, a lost connection, can no longer change the answer:
the client has its 200, the database has rolled back, and the data is gone.

## Use instead
Commit in the handler, or ask for the dependency with `Depends(get_db, scope="function")` (FastAPI 0.121) at every use:
its exit code then runs before the response is sent, and a failure is a 500. A provider asked for with both scopes
opens two sessions, so convert all uses together.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, Expression, Function, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=[
        "https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#early-exit-and-scope",
        "https://fastapi.tiangolo.com/release-notes/#01180",
    ],
    applies_to="fastapi>=0.118",
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI

            app = FastAPI()

            class Session:
                def commit(self) -> None:
                    raise RuntimeError("duplicate key")

            def get_db():
                session = Session()
                yield session
                session.commit()  # finding

            @app.post("/leads")
            def create(db: Session = Depends(get_db)) -> str:
                return "saved"
            """
        ),
        Bad(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            engine = create_async_engine("sqlite+aiosqlite://")
            new_session = async_sessionmaker(engine)
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    try:
                        yield session
                        await session.commit()  # finding
                    except Exception:
                        await session.rollback()
                        raise

            async def get_transaction():
                async with new_session() as session, session.begin():  # finding
                    yield session

            Db = Annotated[AsyncSession, Depends(get_db)]

            @app.post("/leads")
            async def create(db: Db, other: AsyncSession = Depends(get_transaction)) -> str:
                return "saved"
            """
        ),
        Bad(
            {
                "database.py": """
                from contextlib import asynccontextmanager, contextmanager

                from sqlalchemy import create_engine
                from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
                from sqlalchemy.orm import sessionmaker

                new_session = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"))
                new_plain_session = sessionmaker(create_engine("sqlite://"))

                @asynccontextmanager
                async def session_scope():
                    async with new_session() as session:
                        try:
                            yield session
                            await session.commit()
                        except Exception:
                            await session.rollback()
                            raise

                @contextmanager
                def reading():
                    with new_plain_session() as session:
                        yield session
                """,
                "main.py": """
                from fastapi import Depends, FastAPI
                from sqlalchemy.ext.asyncio import AsyncSession
                from sqlalchemy.orm import Session

                from database import reading, session_scope

                app = FastAPI()

                async def get_db():
                    async with session_scope() as session:  # finding
                        yield session

                def get_reader():
                    with reading() as session:
                        yield session

                @app.post("/leads")
                async def create(db: AsyncSession = Depends(get_db), reader: Session = Depends(get_reader)) -> str:
                    return "saved"
                """,
            }
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            engine = create_async_engine("sqlite+aiosqlite://")
            new_session = async_sessionmaker(engine)
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session
                    await session.commit()

            async def get_plain():
                async with new_session() as session:
                    try:
                        yield session
                    finally:
                        await session.close()

            async def with_commit_inside():
                async with new_session() as session:
                    await session.commit()
                    yield session

            @app.post("/leads")
            async def create(
                db: AsyncSession = Depends(get_db, scope="function"),
                plain: AsyncSession = Depends(get_plain),
                inside: AsyncSession = Depends(with_commit_inside),
            ) -> str:
                await plain.commit()
                return "saved"
            """
        ),
    ],
)

TRANSACTIONS = (
    "sqlalchemy.orm.Session.begin", "sqlalchemy.ext.asyncio.AsyncSession.begin", "sqlalchemy.Engine.begin",
    "sqlalchemy.ext.asyncio.AsyncEngine.begin", "sqlalchemy.orm.sessionmaker.begin",
    "sqlalchemy.ext.asyncio.async_sessionmaker.begin", "asyncpg.Connection.transaction",
    "psycopg.AsyncConnection.transaction",
)  # fmt: skip


DEEPEST = 2
"""How many context managers of the project are looked into."""


@rule.check
def providers(function: Function, project: Project) -> Iterator[Finding]:
    asked = [d for d in function.asked_for_by if d.scope != "function"]
    if not asked or not function.yields:
        return
    late = _late(function)
    if late is None:
        return
    found = late.finding(
        f"`{late.callee.text if isinstance(late, Call) else late.text}` of `{function.name}` commits after the response "
        f"was sent: when it fails, the client was told OK and nothing is saved. Commit in the handler, "
        'or use `Depends(…, scope="function")` everywhere.'
    )
    yield found if "fastapi" in project.versions else replace(found, confidence=Confidence.MEDIUM)


def _late(function: Function, depth: int = DEEPEST) -> Expression | None:
    """What commits after the first `yield`: a call behind it, or the context manager around it."""
    last = function.yields[0]
    own = _commit_after(function, last) or _transaction_around(last)
    if own is not None or not depth:
        return own
    managers = ((w, w.target) for w in last.withs if isinstance(w, Call))
    return next((w for w, m in managers if m is not None and m.yields and _late(m, depth - 1) is not None), None)


def _commit_after(function: Function, last: Expression) -> Call | None:
    for call in function.calls:
        if call.method == "commit" and call.location > last.location and call.handler is None:
            return call
    return None


def _transaction_around(last: Expression) -> Expression | None:
    return next((w for w in last.withs if isinstance(w, Call) and w.name in TRANSACTIONS), None)


@rule.proof
def the_client_is_told_that_it_is_saved(bad: Served) -> None:
    answer = bad.post("/leads")

    assert (answer.status_code, answer.json()) == (200, "saved")
    bad.stop()
    assert "duplicate key" in bad.log
