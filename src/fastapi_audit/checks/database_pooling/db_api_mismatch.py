"""Query handed to a database API that does not take it

SQLAlchemy 2 takes no plain strings: `session.execute("select …")` raises `ArgumentError: Textual SQL expression …
should be explicitly declared as text(…)`. asyncpg takes nothing else: `connection.fetch(text("select …"))` or
`fetch(select(User))` raises `TypeError`, `DataError` or `InterfaceError`. Each is a 500 at every call.

## Use instead
`session.execute(text("select …"))` with SQLAlchemy, `connection.fetch("select … where id = $1", id)` with asyncpg.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    applies_to="sqlalchemy>=2.0",
    references=["https://docs.sqlalchemy.org/en/20/core/sqlelement.html#sqlalchemy.sql.expression.text"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import create_engine
            from sqlalchemy.orm import Session, sessionmaker

            new_session = sessionmaker(create_engine("sqlite://"))
            app = FastAPI()

            def get_db():
                with new_session() as session:
                    yield session

            @app.get("/one")
            def one(db: Session = Depends(get_db)) -> int:
                return db.execute("select 1").scalar()  # finding
            """
        ),
        Bad(
            """
            import asyncpg
            from fastapi import FastAPI, Request
            from sqlalchemy import select, text

            from tables import leads

            app = FastAPI()

            async def load(pool: asyncpg.Pool) -> list[str]:
                async with pool.acquire() as connection:
                    await connection.fetch(text("select 1"))  # finding
                    return await connection.fetch(select(leads))  # finding

            @app.get("/leads")
            async def read(request: Request) -> list[str]:
                return await load(request.state.pool)
            """
        ),
        Good(
            """
            import asyncpg
            from fastapi import Depends, FastAPI
            from sqlalchemy import create_engine, select, text
            from sqlalchemy.orm import Session, sessionmaker

            new_session = sessionmaker(create_engine("sqlite://"))
            QUERY = text("select 1")
            app = FastAPI()

            def get_db():
                with new_session() as session:
                    yield session

            @app.get("/one")
            def one(db: Session = Depends(get_db)) -> int:
                with db.get_bind().connect() as connection:
                    connection.exec_driver_sql("select 1")
                return db.execute(QUERY).scalar() + db.scalar(text("select 1")) + db.scalar(select(1))

            @app.get("/two")
            async def two(pool: asyncpg.Pool = Depends(get_db)) -> int:
                return await pool.fetchval("select 1")
            """
        ),
    ],
)

SQLALCHEMY = [
    f"{owner}.{method}"
    for owner in ("sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.Connection",
                  "sqlalchemy.ext.asyncio.AsyncConnection")
    for method in ("execute", "scalar", "scalars", "stream")
]  # fmt: skip
ASYNCPG = [
    f"{owner}.{method}"
    for owner in ("asyncpg.Connection", "asyncpg.Pool")
    for method in ("fetch", "fetchrow", "fetchval", "execute", "executemany", "prepare")
]
CLAUSES = frozenset(
    {"sqlalchemy.text", "sqlalchemy.select", "sqlalchemy.insert", "sqlalchemy.update", "sqlalchemy.delete"}
)


@rule.check(of=SQLALCHEMY)
def strings(call: Call) -> Iterator[Finding]:
    given = call.argument("statement", 0)
    if given is not None and _is_text(given):
        yield given.finding(
            f"SQLAlchemy 2 takes no plain string here: `{call.callee.text}` raises ArgumentError. Write "
            "`text(…)`, with bound parameters for values."
        )


@rule.check(of=ASYNCPG)
def clauses(call: Call) -> Iterator[Finding]:
    given = call.argument("query", 0)
    if isinstance(given, Call) and given.name in CLAUSES:
        yield given.finding(
            f"asyncpg takes SQL as a plain string: `{call.callee.text}` raises on what `{given.callee.text}` makes. "
            "Pass the string, with `$1` for values."
        )


def _is_text(given: Expression) -> bool:
    return given.kind == "fstring" or isinstance(given.constant, str)


@rule.proof(needs=("sqlalchemy",))
def the_request_fails(bad: Served) -> None:
    assert bad.get("/one").status_code == 500
    bad.stop()
    assert "should be explicitly declared as text" in bad.log
