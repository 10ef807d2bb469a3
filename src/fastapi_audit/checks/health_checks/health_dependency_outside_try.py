"""Health check whose dependency fails before its try

A dependency that connects (`pool.acquire()`, `engine.connect()`) runs before the handler. When the database is down the
probe never reaches the `except` that would answer 503: it is a 500, with a traceback for each probe, and what the
handler would have said of the other parts is lost.

## Use instead
Inject the pool or the sessionmaker, which do not connect, and connect inside the `try`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import CONNECTS, Dependency, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/"],
    examples=[
        Bad(
            """
            import sqlite3
            from contextlib import asynccontextmanager

            import asyncpg
            from fastapi import Depends, FastAPI
            from fastapi.responses import JSONResponse

            async def get_db():
                connection = await asyncpg.connect("postgresql://127.0.0.1:1/x", timeout=1)
                try:
                    yield connection
                finally:
                    await connection.close()

            app = FastAPI()

            @app.get("/health")
            async def health(db=Depends(get_db)):  # finding
                try:
                    await db.fetchval("select 1")
                except Exception:
                    return JSONResponse({"status": "down"}, status_code=503)
                return {"status": "up"}
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from fastapi.responses import JSONResponse
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

            engine = create_async_engine("sqlite+aiosqlite://")
            Session = async_sessionmaker(engine)

            async def get_session():
                async with Session() as session:
                    yield session

            app = FastAPI()

            @app.get("/health")
            async def health(session: AsyncSession = Depends(get_session)):
                try:
                    await session.execute(text("select 1"))
                except Exception:
                    return JSONResponse({"status": "down"}, status_code=503)
                return {"status": "up"}
            """
        ),
        Good(
            """
            import asyncpg
            from fastapi import Depends, FastAPI, Request
            from fastapi.responses import JSONResponse

            def get_pool(request: Request) -> asyncpg.Pool:
                return request.app.state.pool

            async def get_db(pool: asyncpg.Pool = Depends(get_pool)):
                async with pool.acquire() as connection:
                    yield connection

            app = FastAPI()

            @app.get("/health")
            async def health(pool: asyncpg.Pool = Depends(get_pool)):
                try:
                    async with pool.acquire(timeout=1) as connection:
                        await connection.fetchval("select 1")
                except Exception:
                    return JSONResponse({"status": "down"}, status_code=503)
                return {"status": "up"}

            @app.get("/users")
            async def users(db=Depends(get_db)):
                try:
                    return await db.fetch("select 1")
                except Exception:
                    return []
            """
        ),
        Good(
            """
            import asyncpg
            from fastapi import Depends, FastAPI, HTTPException

            app = FastAPI()

            async def connection():
                try:
                    connected = await asyncpg.connect("postgresql://127.0.0.1:1/leads")
                except OSError:
                    raise HTTPException(503, "no database")
                yield connected
                await connected.close()

            @app.get("/health")
            async def health(db: asyncpg.Connection = Depends(connection)) -> str:
                try:
                    await db.execute("select 1")
                except asyncpg.PostgresError:
                    raise HTTPException(503, "no database")
                return "ok"
            """
        ),
    ],
)


@rule.check
def connects_first(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.probe is None or not function.statements_of("try"):
        return
    for dependency in route.dependencies:
        call = _connecting(dependency)
        if call is not None:
            yield function.finding(
                f"`{route.path}` depends on `{dependency.name.rpartition('.')[2]}`, which connects (`{call}`) before the "
                "`try` of the handler: when that fails the probe is a 500, not the 503 that is written here. Connect "
                "inside the `try`.",
                operation=route.operation,
            )
            return


def _connecting(dependency: Dependency) -> str | None:
    """The call that connects in a provider, outside any `try` that handles its failure."""
    provider = dependency.function
    if provider is None:
        return None
    for call in provider.calls_to(*CONNECTS):
        if not any(t.handlers for t in call.tries):
            return call.callee.text
    return None


@rule.proof(needs=["asyncpg"])
def the_probe_is_a_500(bad: Served) -> None:
    assert bad.get("/health").status_code == 500
