"""Waiting for a connection of the pool without an end

`pool.acquire()` of asyncpg waits for ever when all connections are taken. Under load or with one leaked connection
requests pile up, hold their memory, and none fails, so that no retry, no alert and no load balancer reacts.

## Use instead
`pool.acquire(timeout=5)`, and `command_timeout=` in `create_pool` for the queries.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.pool.Pool.acquire"],
    examples=[
        Bad(
            """
            import asyncpg
            from fastapi import Depends, FastAPI, Request

            app = FastAPI()

            def get_pool(request: Request) -> asyncpg.Pool:
                return request.state.pool

            @app.get("/leads")
            async def leads(pool: asyncpg.Pool = Depends(get_pool)) -> list[str]:
                async with pool.acquire() as connection:  # finding
                    return await connection.fetch("select name from leads")
            """,
            fixed="""
            import asyncpg
            from fastapi import Depends, FastAPI, Request

            app = FastAPI()

            def get_pool(request: Request) -> asyncpg.Pool:
                return request.state.pool

            @app.get("/leads")
            async def leads(pool: asyncpg.Pool = Depends(get_pool)) -> list[str]:
                async with pool.acquire(timeout=5) as connection:
                    return await connection.fetch("select name from leads")
            """,
        ),
        Good(
            """
            import asyncio

            import asyncpg
            from fastapi import Depends, FastAPI, Request

            app = FastAPI()

            def get_pool(request: Request) -> asyncpg.Pool:
                return request.state.pool

            @app.get("/leads")
            async def leads(pool: asyncpg.Pool = Depends(get_pool)) -> list[str]:
                async with pool.acquire(timeout=2) as connection:
                    await connection.fetch("select name from leads")
                async with asyncio.timeout(5), pool.acquire() as connection:
                    await connection.fetch("select name from leads")
                async with asyncio.timeout(5):
                    async with pool.acquire() as connection:
                        return await connection.fetch("select name from leads")
            """
        ),
    ],
    unproven="It takes a real PostgreSQL whose connections are all taken; a test marked services does that.",
)


@rule.check(of=["asyncpg.Pool.acquire"])
def calls(call: Call) -> Iterator[Finding]:
    function = call.function
    if function is None or function.in_request is None or call.argument("timeout") is not None or call.spreads:
        return
    around = [*call.withs, *_beside(call)]
    if any("timeout" in w.text for w in around) or (call.passed_to is not None and "wait_for" in call.passed_to.text):
        return
    yield call.finding(
        f"`{call.callee.text}` waits for ever when all connections are taken: requests pile up and none fails. Pass "
        "`timeout=`.",
        fix=Fix("Wait five seconds at most", (call.keyword_edit("timeout", "5"),)),
    )


def _beside(call: Call) -> list[Call]:
    """The other context managers of the same `with`."""
    statement = call.statement
    return [c for c in statement.calls if c.entered] if call.entered else []
