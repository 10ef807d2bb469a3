"""One database session shared by several tasks or requests

A session is one conversation with the database: one connection, one transaction, one identity map. Used from two
tasks at once it raises `InvalidRequestError: This session is provisioning a new connection; concurrent operations are
not permitted`, or, once it has its connection, runs one query after the other all the same; shared by requests, one commits or rolls back what another has half written.

## Use instead
Share the `async_sessionmaker` and open a session for each request and for each task:
`async with new_session() as session:`.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import ORM_SESSIONS, Call, Expression, Function, Project, Variable
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=[
        "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#using-asyncsession-with-concurrent-tasks",
        "https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe",
    ],
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import Depends, FastAPI
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            engine = create_async_engine("sqlite+aiosqlite://")
            new_session = async_sessionmaker(engine)
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            @app.get("/counts")
            async def counts(db: AsyncSession = Depends(get_db)) -> int:
                first, second = await asyncio.gather(  # finding
                    db.execute(text("select 1")), db.execute(text("select 2"))
                )
                return first.scalar() + second.scalar()
            """
        ),
        Bad(
            """
            import asyncio

            from fastapi import Depends, FastAPI
            from sqlalchemy import create_engine, text
            from sqlalchemy.ext.asyncio import AsyncSession
            from sqlalchemy.orm import sessionmaker

            SessionLocal = sessionmaker(create_engine("sqlite://"))
            session = SessionLocal()  # finding
            app = FastAPI()

            def get_db() -> AsyncSession: ...

            async def load(db: AsyncSession, table: str) -> int:
                return await db.scalar(text(f"select count(*) from {table}"))

            @app.get("/count")
            def count() -> int:
                return session.execute(text("select 1")).scalar()

            @app.get("/counts")
            async def counts(db: AsyncSession = Depends(get_db)) -> list[int]:
                async with asyncio.TaskGroup() as group:
                    group.create_task(load(db, "leads"))  # finding
                    group.create_task(load(db, "people"))
                return await asyncio.gather(*[load(db, t) for t in ("leads", "people")])  # finding

            @app.get("/both")
            async def both(db: AsyncSession = Depends(get_db)) -> list[int]:
                await db.scalar(text("select 1"))
                return await asyncio.gather(load(db, "leads"), load(db, "people"))  # finding
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import Depends, FastAPI
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
            from sqlalchemy.orm import scoped_session, sessionmaker

            new_session = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"))
            scoped = scoped_session(sessionmaker())
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            async def load(table: str) -> int:
                async with new_session() as session:
                    return await session.scalar(text(f"select count(*) from {table}"))

            @app.get("/counts")
            async def counts(db: AsyncSession = Depends(get_db)) -> list[int]:
                one, rest = await asyncio.gather(db.scalar(text("select 1")), load("people"))
                return [one, rest, *await asyncio.gather(load("leads"), load("people"))]
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import Depends, FastAPI
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            new_session = async_sessionmaker(create_async_engine("postgresql+asyncpg://db/leads"))
            app = FastAPI()

            async def get_db():
                async with new_session() as session:
                    yield session

            async def count(db: AsyncSession) -> None:
                await db.execute(text("select count(*) from leads"))

            async def forecast() -> None:
                await asyncio.sleep(1)

            @app.get("/summary")
            async def summary(db: AsyncSession = Depends(get_db)) -> str:
                async with asyncio.TaskGroup() as group:
                    group.create_task(count(db))
                    group.create_task(forecast())
                return "done"
            """
        ),
    ],
)

ASYNC_SESSION = "sqlalchemy.ext.asyncio.AsyncSession"


@rule.check
def made_once(variable: Variable, project: Project) -> Iterator[Finding]:
    made = variable.value
    if (
        made is None
        or not isinstance(made, Call)
        or not made.is_a(*ORM_SESSIONS)
        or not _is_served(variable.name, project)
    ):
        return
    yield made.finding(
        f"`{variable.name}` is one session for all requests: they commit, roll back and expire each other's rows. "
        "Share the session maker, and open a session for each request."
    )


def _is_served(name: str, project: Project) -> bool:
    """Whether code that requests reach uses it."""
    return any(
        used.written == name and used.is_a(*ORM_SESSIONS)
        for function in project.source.functions
        if function.in_request is not None
        for call in function.calls
        if (used := call.receiver) is not None and used.kind == "name"
    )


@rule.check
def at_once(function: Function) -> Iterator[Finding]:
    groups: dict[str, list[Call]] = {}
    for call in function.calls:
        if call.name == "asyncio.gather":
            shared = _shared(call)
            if shared:
                yield _queueing(call, shared) if _is_connected(call, shared) else call.finding(_message(shared))
        elif call.method == "create_task" and call.receiver is not None and call.receiver.kind == "name":
            for used in {s for argument in call.arguments for s in _sessions(argument)}:
                groups.setdefault(f"{call.receiver.text} {used}", []).append(call)
    for key, calls in groups.items():
        grouped = calls[0].receiver
        if grouped is not None and grouped.is_a("asyncio.TaskGroup") and (len(calls) > 1 or calls[0].loops):
            yield calls[0].finding(_message(key.partition(" ")[2]))


def _is_connected(gather: Call, session: str) -> bool:
    """Whether the session has been awaited before, in the same function, and so has its connection already."""
    return any(c.awaited and c.node.end < gather.node.start and session in set(_sessions(c)) for c in gather.body.calls)


def _queueing(gather: Call, session: str) -> Finding:
    found = gather.finding(
        f"These tasks share the session `{session}`, so its one connection runs their queries one after the other: "
        "nothing is gained, and a commit, rollback or error in one of them breaks the others. Open a session in each "
        "task, or await one query after the other.",
        severity=Severity.MEDIUM,
    )
    # The documentation forbids it, yet reads answer, one after the other: many would leave it.
    return replace(found, confidence=Confidence.LOW)


def _message(name: str) -> str:
    return (
        f"Several tasks use the session `{name}` at the same time, which a session is not made for: it raises "
        "InvalidRequestError as soon as two meet. Open a session in each task, or await one query after the other."
    )


def _shared(gather: Call) -> str | None:
    """The session that at least two of the coroutines use."""
    used: list[str] = []
    for argument in gather.arguments:
        names = set(_sessions(argument))
        used.extend(names)
        if argument.kind == "starred" and any(e.kind == "comprehension" for e in argument.walk()):
            used.extend(names)
    return next((n for n in used if used.count(n) > 1), None)


def _sessions(expression: Expression) -> Iterator[str]:
    """The variables in an expression that hold an `AsyncSession`."""
    for part in expression.walk():
        if part.kind == "name" and part.is_a(ASYNC_SESSION):
            yield part.text


@rule.proof(needs=("sqlalchemy", "aiosqlite"))
def the_request_fails(bad: Served) -> None:
    assert bad.get("/counts").status_code == 500
    bad.stop()
    assert "concurrent operations are not permitted" in bad.log
