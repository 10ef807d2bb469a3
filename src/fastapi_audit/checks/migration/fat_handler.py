"""Handler that does everything itself

A handler of more than 60 lines with several statements of SQL mixes HTTP, rules of the business and storage. It can be
tested only through HTTP, nothing of it can be used by a worker or another route, and a move to another framework or
store has to touch every route.

## Use instead
A function or class of its own for the work, called by a handler that only translates between it and HTTP.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

MOST_LINES = 60
MOST_STATEMENTS = 3
SQL = frozenset({"execute", "scalar", "scalars", "query", "exec", "fetch", "fetchrow", "fetch_all", "fetch_one"})
STORES = ("sqlalchemy.", "asyncpg.", "psycopg", "sqlite3.", "aiosqlite.", "databases.", "pymysql.")

_LONG = "\n".join(f"        count += {number}" for number in range(MOST_LINES))

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/bigger-applications/"],
    unproven="a matter of how costly a change is, which no test can show",
    examples=[
        Bad(
            f"""
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

app = FastAPI()


def session() -> Session:
    return Session()


@app.post("/orders")
def order(db: Session = Depends(session)) -> int:  # finding
    count = 0
    db.execute(text("select 1"))
    db.execute(text("select 2"))
    if db:
{_LONG}
    db.execute(text("select 3"))
    db.scalar(text("select 4"))
    return count
            """
        ),
        Good(
            f"""
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

app = FastAPI()


def session() -> Session:
    return Session()


@app.post("/counts")
def counts() -> int:
    count = 0
    if count == 0:
{_LONG}
    return count


@app.post("/orders")
def order(db: Session = Depends(session)) -> None:
    for number in range(4):
        db.execute(text("select 1"))
    db.execute(text("select 2"))
    db.execute(text("select 3"))
    db.execute(text("select 4"))
            """
        ),
    ],
)


@rule.check
def everything(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.kind != "http":
        return
    lines = function.file.source(function.node).count("\n") + 1
    statements = [c for c in function.calls if c.method in SQL and (c.name or "").startswith(STORES)]
    if lines > MOST_LINES and len(statements) > MOST_STATEMENTS:
        yield function.finding(
            f"`{route.operation}` does everything itself: {lines} lines and {len(statements)} statements of SQL. Move the work into a "
            "function that knows nothing of HTTP.",
            operation=route.operation,
        )
