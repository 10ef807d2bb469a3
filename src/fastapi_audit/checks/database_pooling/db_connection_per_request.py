"""Database connection opened for each request

A new connection costs a TCP handshake, authentication and, on the server, a process: 10.6 ms in place of 0.28 ms from
a pool, on one machine and without TLS. There is no upper bound either: as many requests as come open as many
connections, until PostgreSQL refuses them.

## Use instead
Make a pool (`asyncpg.create_pool`, `psycopg_pool.AsyncConnectionPool`, an SQLAlchemy engine) or client once in the
`lifespan`, and take connections from it.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import DRIVER_CONNECTS, Call, is_kept, is_remembered
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://magicstack.github.io/asyncpg/current/usage.html#connection-pools"],
    examples=[
        Bad(
            """
            import asyncpg
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                connection = await asyncpg.connect("postgresql://localhost/leads")  # finding
                try:
                    return await connection.fetch("select name from leads")
                finally:
                    await connection.close()
            """
        ),
        Bad(
            """
            import psycopg2
            from fastapi import Depends, FastAPI
            from pymongo import MongoClient

            app = FastAPI()

            def get_db():
                connection = psycopg2.connect("dbname=leads")  # finding
                try:
                    yield connection
                finally:
                    connection.close()

            def documents():
                return MongoClient("mongodb://localhost")["leads"]  # finding

            @app.get("/leads")
            def leads(db=Depends(get_db)) -> list[str]:
                return list(documents().people.find())
            """
        ),
        Good(
            """
            import sqlite3
            from contextlib import asynccontextmanager
            from functools import lru_cache

            import asyncpg
            import redis.asyncio as redis
            from fastapi import FastAPI, Request
            from pymongo import MongoClient

            client = MongoClient("mongodb://localhost")

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                listener = await asyncpg.connect("postgresql://localhost/leads")
                async with asyncpg.create_pool("postgresql://localhost/leads") as pool:
                    yield {"pool": pool}
                await listener.close()

            app = FastAPI(lifespan=lifespan)

            @lru_cache
            def cache() -> redis.Redis:
                return redis.Redis()

            _other = None

            def other():
                global _other
                if _other is None:
                    _other = MongoClient("mongodb://other")
                return _other

            @app.get("/leads")
            async def leads(request: Request) -> list[str]:
                await cache().ping()
                with sqlite3.connect(":memory:") as local:
                    local.execute("select 1")
                async with request.state.pool.acquire() as connection:
                    return await connection.fetch("select name from leads") + list(other()["x"].people.find())
            """
        ),
        Good(
            """
            from functools import cache

            import psycopg
            from fastapi import Depends, FastAPI

            app = FastAPI()

            @cache
            def get_stock() -> psycopg.Connection:
                return psycopg.connect("dbname=stock")

            @app.get("/items")
            def items(stock: psycopg.Connection = Depends(get_stock)) -> list[str]:
                return [name for (name,) in stock.execute("select name from items")]

            @app.get("/ready")
            def ready() -> str:
                with psycopg.connect("dbname=leads") as connection:
                    connection.execute("select 1")
                return "ready"
            """
        ),
    ],
    unproven="The cost shows against a real database server only, and as a time, which differs between machines.",
)

OPENING = [
    *DRIVER_CONNECTS, "pymongo.MongoClient", "pymongo.AsyncMongoClient", "motor.motor_asyncio.AsyncIOMotorClient",
]  # fmt: skip
HEALTH = ("health", "ready", "readiness", "live", "ping", "probe", "check", "test")


@rule.check(of=OPENING)
def calls(call: Call) -> Iterator[Finding]:
    function = call.function
    reach = function.in_request if function is not None else None
    if function is None or reach is None or reach.context in {"background-task", "websocket"} or is_kept(call):
        return
    if any(is_remembered(f) for f in reach.chain):
        return
    if any(word in f.name.lower() for f in reach.chain for word in HEALTH):
        return
    if call.name == "asyncpg.connect" and call.entered:
        return  # neither a coroutine nor a connection can be entered: `asyncpg-connect-as-context-manager`
    yield call.finding(
        f"`{call.callee.text}` opens a new connection for each request ({reach.arrow(call.method)}): slow, and without "
        "an upper bound. Make a pool in the lifespan and take connections from it.",
        trace=reach.trace(call),
        operation=reach.operation,
    )
