"""asyncpg.connect() used as a context manager

`asyncpg.connect()` is a coroutine, and the connection that it gives has no `__aenter__` either: both
`async with asyncpg.connect(…)` and `async with await asyncpg.connect(…)` raise `TypeError: 'coroutine' object does
not support the asynchronous context manager protocol`, and the request is a 500.

## Use instead
A pool made in the lifespan, `async with pool.acquire() as connection:`; for one connection
`connection = await asyncpg.connect(…)` with `try: … finally: await connection.close()`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://magicstack.github.io/asyncpg/current/api/index.html#connection"],
    examples=[
        Bad(
            """
            import asyncpg
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                async with asyncpg.connect("postgresql://127.0.0.1:1/leads") as connection:  # finding
                    return [row["name"] for row in await connection.fetch("select name from leads")]
            """
        ),
        Bad(
            """
            from asyncpg import connect as open_connection
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                async with await open_connection("postgresql://127.0.0.1:1/leads") as connection:  # finding
                    return [row["name"] for row in await connection.fetch("select name from leads")]
            """
        ),
        Good(
            """
            import asyncpg
            import psycopg
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                async with asyncpg.create_pool("postgresql://127.0.0.1/leads") as pool:
                    async with pool.acquire() as connection:
                        await connection.fetch("select name from leads")
                async with await psycopg.AsyncConnection.connect("postgresql://127.0.0.1/leads") as other:
                    await other.execute("select name from leads")
                connection = await asyncpg.connect("postgresql://127.0.0.1/leads")
                async with connection.transaction():
                    return await connection.fetch("select name from leads")
            """
        ),
    ],
)


@rule.check(of=["asyncpg.connect"])
def calls(call: Call) -> Iterator[Finding]:
    if call.entered:
        yield call.finding(
            f"`{call.callee.text}` gives a coroutine of a connection; neither can be entered with `async with`, which "
            "raises TypeError. Take a connection from a pool: `async with pool.acquire() as connection`."
        )


@rule.proof(needs=("asyncpg",))
def the_request_fails(bad: Served) -> None:
    assert bad.get("/leads").status_code == 500
    bad.stop()
    assert "asynchronous context manager protocol" in bad.log
