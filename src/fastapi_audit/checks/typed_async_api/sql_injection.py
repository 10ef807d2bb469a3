"""SQL built from request text

A value of the request is written into the text of a statement instead of being bound to it. Whoever calls the API can
then end the statement and write another one: measured, `?name=' union select id, password_hash from users --` returns
the hashes.

## Use instead
Bind the value: `text("… where name = :name")` with a dictionary of parameters, `%s` or `$1` with an argument, or a
SQLAlchemy expression. Take identifiers such as sort columns from a fixed mapping.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Origin
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

STATEMENTS = (
    "sqlalchemy.text",
    "sqlalchemy.literal_column",
    "sqlalchemy.Connection.exec_driver_sql",
    "sqlalchemy.ext.asyncio.AsyncConnection.exec_driver_sql",
    "sqlalchemy.orm.Session.execute",
    "sqlite3.Connection.execute",
    "sqlite3.Connection.executemany",
    "sqlite3.Connection.executescript",
    "sqlite3.Cursor.execute",
    "sqlite3.Cursor.executemany",
    "aiosqlite.Connection.execute",
    "aiosqlite.Connection.execute_fetchall",
    "psycopg2.Cursor.execute",
    "psycopg.Cursor.execute",
    "psycopg.Connection.execute",
    "psycopg.AsyncConnection.execute",
    "pymysql.Cursor.execute",
    "asyncpg.Connection.execute",
    "asyncpg.Connection.fetch",
    "asyncpg.Connection.fetchrow",
    "asyncpg.Connection.fetchval",
    "asyncpg.Pool.execute",
    "asyncpg.Pool.fetch",
    "asyncpg.Pool.fetchrow",
    "asyncpg.Pool.fetchval",
    "databases.Database.execute",
    "databases.Database.fetch_all",
    "databases.Database.fetch_one",
    "databases.Database.fetch_val",
    "duckdb.sql",
    "duckdb.execute",
    "duckdb.query",
    "pandas.read_sql",
    "pandas.read_sql_query",
)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-89",
    references=["https://docs.sqlalchemy.org/en/21/core/sqlelement.html#sqlalchemy.sql.expression.text"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine, text
            from sqlalchemy.pool import StaticPool

            app = FastAPI()
            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
            with engine.begin() as setup:
                setup.execute(text("create table users (id int, name text, password_hash text)"))
                setup.execute(text("insert into users values (1, 'ada', 'the-hash')"))


            @app.get("/users")
            def users(name: str) -> list:
                with engine.connect() as connection:
                    rows = connection.execute(text(f"select id, name from users where name = '{name}'"))  # finding
                    return [list(row) for row in rows]
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                from store import ordered

                app = FastAPI()


                @app.get("/leads")
                async def leads(sort: str = "id") -> list:
                    column = sort.strip()
                    return await ordered(column)
                """,
                "store.py": """
                import asyncpg

                pool = asyncpg.create_pool("postgresql://db/leads")


                async def ordered(column: str) -> list:
                    query = "select * from leads order by " + column
                    return await pool.fetch(query)  # finding
                """,
            }
        ),
        Bad(
            """
            import sqlite3

            from fastapi import FastAPI
            from pydantic import BaseModel

            app = FastAPI()


            class Search(BaseModel):
                name: str
                limit: int = 10


            @app.post("/search")
            def search(body: Search) -> list:
                connection = sqlite3.connect("leads.db")
                return connection.execute("select * from leads where name = '%s'" % body.name).fetchall()  # finding
            """
        ),
        Good(
            """
            import sqlite3
            from enum import Enum
            from typing import Annotated, Literal

            from fastapi import FastAPI, Query
            from sqlalchemy import create_engine, text

            app = FastAPI()
            engine = create_engine("sqlite://")
            TABLE = "leads"
            COLUMNS = {"name": "lower(name)", "age": "age"}


            class Order(str, Enum):
                up = "asc"
                down = "desc"


            @app.get("/leads")
            def leads(
                name: str,
                order: Order,
                sort: str,
                column: Literal["id", "name"],
                by: Annotated[str, Query(pattern="^[a-z]+$")],
                limit: int = 10,
            ) -> list:
                with engine.connect() as connection:
                    connection.execute(text("select * from leads where name = :name"), {"name": name})
                    connection.execute(text(f"select * from {TABLE} limit {limit}"))
                    connection.execute(text(f"select * from leads order by {COLUMNS[sort]} {order.value}"))
                    connection.execute(text(f"select * from leads order by {column}, {by}"))
                plain = sqlite3.connect("leads.db")
                marks = ", ".join("?" for _ in name.split(","))
                return plain.execute(f"select * from leads where name in ({marks})", name.split(",")).fetchall()
            """
        ),
        Good(
            """
            import sqlite3

            from fastapi import FastAPI, HTTPException

            app = FastAPI()


            @app.get("/leads")
            def leads(sort: str) -> list:
                if sort not in {"id", "name"}:
                    raise HTTPException(422)
                return sqlite3.connect("leads.db").execute(f"select * from leads order by {sort}").fetchall()
            """
        ),
    ],
)


@rule.check(of=STATEMENTS)
def statements(call: Call) -> Iterator[Finding]:
    statement = call.argument("sql", 0) or call.argument("query") or call.argument("text") or call.argument("statement")
    if statement is None or (isinstance(statement, Call) and statement.name in STATEMENTS):
        return
    written_in = next((o for o in statement.origins if o.is_text), None)
    if written_in is None or not built(statement):
        return
    yield call.finding(
        f"`{written_in.what}` of `{written_in.function.name}` becomes part of the SQL text: whoever calls the API can "
        "write the statement. Bind it as a parameter.",
        trace=written_in.steps,
        operation=operation(written_in),
    )


def built(statement: Expression) -> bool:
    """Whether the text is put together here or in a variable; a statement that is sent whole is another matter."""
    if statement.kind in {"fstring", "operation", "call"}:
        return True
    assigned = [
        s.value for s in statement.body.statements_of("assign") if any(t.written == statement.text for t in s.targets)
    ]
    return any(v is not None and v.kind in {"fstring", "operation", "call"} for v in assigned)


def operation(origin: Origin) -> str | None:
    return next((w.operation for w in origin.function.ways if w.before is None and w.operation), None)


@rule.proof
def the_caller_writes_the_statement(bad: Served) -> None:
    """A union in the parameter returns the password hash."""
    reply = bad.get("/users", params={"name": "' union select id, password_hash from users --"})
    assert "the-hash" in reply.text, reply.text
