"""Engine or pool made for each request

An engine is a pool of connections, and it is meant to be made once. Made while a request is served, each one opens
connections of its own and keeps them: after 20 requests the PostgreSQL had 20 idle connections more, until it refuses
everybody with `sorry, too many clients already`. Nothing is reused either: 7.9 ms for a query in place of 0.38 ms.

## Use instead
Make the engine at module level or in the `lifespan`, and take a session or a connection from it in the request.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Reach, is_kept, is_remembered
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://docs.sqlalchemy.org/en/20/core/connections.html#basic-usage"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session, sessionmaker

            app = FastAPI()
            engines = []

            def get_db():
                engine = create_engine("sqlite://")  # finding
                engines.append(id(engine.pool))
                with sessionmaker(bind=engine)() as session:
                    yield session

            @app.get("/pools")
            def pools(db: Session = Depends(get_db)) -> int:
                db.execute(text("select 1"))
                return len(engines)
            """
        ),
        Bad(
            """
            import asyncpg
            from fastapi import FastAPI
            from sqlalchemy.ext.asyncio import create_async_engine

            app = FastAPI()

            def connect():
                return create_async_engine("postgresql+asyncpg://localhost/leads")  # finding

            async def load() -> list[str]:
                async with connect().begin() as connection:
                    return list(await connection.exec_driver_sql("select name from leads"))

            @app.get("/leads")
            async def leads() -> list[str]:
                return await load()

            @app.get("/people")
            async def people() -> list[str]:
                pool = await asyncpg.create_pool("postgresql://localhost/leads")  # finding
                return await pool.fetch("select name from people")
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager
            from functools import lru_cache

            import asyncpg
            from fastapi import Depends, FastAPI, Request
            from sqlalchemy import create_engine
            from sqlalchemy.orm import Session, sessionmaker

            engine = create_engine("sqlite://")
            new_session = sessionmaker(bind=engine)
            _reports = None
            tenants = {}

            @lru_cache
            def archive():
                return create_engine("sqlite:///archive.db")

            def reports():
                global _reports
                if _reports is None:
                    _reports = create_engine("sqlite:///reports.db")
                return _reports

            def tenant_engine(tenant: str):
                if tenant not in tenants:
                    tenants[tenant] = create_engine(f"sqlite:///{tenant}.db")
                return tenants[tenant]

            class Database:
                def __init__(self) -> None:
                    self._engine = None

                @property
                def engine(self):
                    if not self._engine:
                        self._engine = create_engine("sqlite://")
                    return self._engine

            database = Database()

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with asyncpg.create_pool("postgresql://localhost/leads") as pool:
                    yield {"pool": pool}

            app = FastAPI(lifespan=lifespan)

            def get_db():
                with new_session() as session:
                    yield session

            @app.get("/leads/{tenant}")
            def leads(tenant: str, db: Session = Depends(get_db)) -> list[str]:
                with archive().connect(), reports().connect(), database.engine.connect(), tenant_engine(tenant).connect():
                    return []
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from sqlalchemy import create_engine, text

            app = FastAPI()

            @app.get("/check")
            def check(url: str) -> bool:
                engine = create_engine(url)
                try:
                    with engine.connect() as connection:
                        return bool(connection.execute(text("select 1")))
                finally:
                    engine.dispose()
            """
        ),
        Good(
            """
            from functools import cache

            from fastapi import Depends, FastAPI
            from sqlalchemy import Engine, create_engine, text

            app = FastAPI()

            @cache
            def get_engine() -> Engine:
                return create_engine("postgresql://db/countries")

            @app.get("/countries")
            def countries(engine: Engine = Depends(get_engine)) -> list[str]:
                with engine.connect() as connection:
                    return list(connection.scalars(text("select name from countries")))
            """
        ),
    ],
)

MAKERS = [
    "sqlalchemy.create_engine", "sqlalchemy.ext.asyncio.create_async_engine", "sqlalchemy.engine_from_config",
    "sqlalchemy.ext.asyncio.async_engine_from_config", "asyncpg.create_pool", "asyncpg.Pool",
    "psycopg_pool.ConnectionPool", "psycopg_pool.AsyncConnectionPool", "psycopg2.pool.SimpleConnectionPool",
    "psycopg2.pool.ThreadedConnectionPool", "aiomysql.create_pool", "asyncmy.create_pool",
]  # fmt: skip


@rule.check(of=MAKERS)
def calls(call: Call) -> Iterator[Finding]:
    function = call.function
    reach = function.in_request if function is not None else None
    if function is None or reach is None or _is_closed(call) or any(is_kept(c) for c in (call, *_steps(reach))):
        return
    if any(is_remembered(f) for f in reach.chain):
        return
    yield call.finding(
        f"`{call.callee.text}` runs for each request ({reach.arrow(call.method)}): every one opens connections of its "
        "own and keeps them until the database refuses more. Make it once, at module level or in the lifespan.",
        trace=reach.trace(call),
        operation=reach.operation,
    )


def _steps(reach: Reach) -> Iterator[Call]:
    """The calls of the way, last first."""
    step: Reach | None = reach
    while step is not None:
        if step.call is not None:
            yield step.call
        step = step.before


def _is_closed(call: Call) -> bool:
    name, function = call.assigned_to, call.function
    return (
        call.entered
        or function is None
        or any(
            c.method in {"dispose", "close", "terminate"}
            and c.receiver is not None
            and (c.receiver.written or "").startswith(name or "?")
            for c in function.calls
        )
    )


@rule.proof(needs=("sqlalchemy",))
def every_request_makes_a_pool(bad: Served) -> None:
    assert [bad.get("/pools").json() for _ in range(3)] == [1, 2, 3]
