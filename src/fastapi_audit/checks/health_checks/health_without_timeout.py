"""Health check without a time limit

A database that takes the connection and says nothing is worse than one that refuses: the check gave no answer in 6 s
(asyncpg waits 60 s to connect and for ever for a query). Each probe leaves one more of them behind, and each holds a
connection of the pool that requests need.

## Use instead
`async with asyncio.timeout(1):` around what the check asks, with `TimeoutError` among what it answers 503 to.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Exchange, Function, HealthAnswers, Project, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=[
        "https://docs.python.org/3/library/asyncio-task.html#asyncio.timeout",
        "https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.connection.connect",
    ],
    examples=[
        Bad(
            """
            import socket

            from fastapi import FastAPI
            from redis.asyncio import Redis

            silent = socket.create_server(("127.0.0.1", 0))
            redis = Redis(port=silent.getsockname()[1])
            app = FastAPI()

            @app.get("/readyz")  # finding
            async def ready() -> str:
                await redis.ping()
                return "ok"
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

            engine = create_async_engine("postgresql+asyncpg://db/leads", pool_timeout=5)
            sessions = async_sessionmaker(engine)
            app = FastAPI()

            @app.get("/ready")  # finding
            async def ready() -> str:
                try:
                    async with sessions() as session:
                        await session.execute(text("select 1"))
                except OSError as error:
                    raise HTTPException(503) from error
                return "ok"
            """,
            live=False,  # needs a database that stays silent
        ),
        Good(
            """
            import asyncio
            import socket

            from fastapi import FastAPI
            from fastapi.responses import JSONResponse
            from redis.asyncio import Redis

            silent = socket.create_server(("127.0.0.1", 0))
            redis = Redis(port=silent.getsockname()[1])
            app = FastAPI()

            @app.get("/readyz")
            async def ready() -> JSONResponse:
                try:
                    async with asyncio.timeout(0.2):
                        await redis.ping()
                except TimeoutError:
                    return JSONResponse({"cache": "away"}, status_code=503)
                return JSONResponse({"cache": "up"})
            """
        ),
        Good(
            """
            import asyncio

            import httpx
            from fastapi import FastAPI
            from redis.asyncio import Redis
            from sqlalchemy import text
            from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

            engine = create_async_engine("postgresql+asyncpg://db/leads")
            sessions = async_sessionmaker(engine)
            redis = Redis()
            app = FastAPI()

            async def ask() -> None:
                async with sessions() as session:
                    await session.execute(text("select 1"))

            @app.get("/ready")
            async def ready() -> str:
                async with asyncio.timeout(1):
                    await ask()
                    await redis.ping()
                return "ok"

            @app.get("/readyz")
            async def readyz() -> str:
                await asyncio.wait_for(ask(), timeout=1)
                return "ok"

            @app.get("/health")
            async def health(client: httpx.AsyncClient) -> str:
                await client.get("https://crm.example.com")
                return "ok"
            """,
            live=False,  # needs databases
        ),
        Good(
            """
            from fastapi import FastAPI
            from redis.asyncio import Redis

            redis = Redis(socket_timeout=1)
            app = FastAPI()

            @app.get("/ready")
            async def ready() -> str:
                await redis.ping()
                return "ok"
            """,
            live=False,  # needs a Redis
        ),
    ],
)

ASKED = (
    "redis.asyncio.", "sqlalchemy.ext.asyncio.AsyncSession.", "sqlalchemy.ext.asyncio.AsyncConnection.",
    "sqlalchemy.ext.asyncio.AsyncEngine.", "asyncpg.", "psycopg.Async", "psycopg_pool.Async",
)  # fmt: skip
METHODS = frozenset(
    {"ping", "execute", "scalar", "scalars", "fetch", "fetchval", "fetchrow", "connect", "acquire", "exec"}
)
LIMITS = frozenset(
    {"asyncio.timeout", "asyncio.timeout_at", "anyio.fail_after", "anyio.move_on_after", "async_timeout.timeout"}
)
OF_CLIENTS = frozenset({"socket_timeout", "command_timeout", "connect_args", "server_settings", "options", "kwargs"})
"""What a client may be made with so that a query ends by itself."""
DEEPEST = 3


@rule.check
def probes(route: Route, project: Project) -> Iterator[Finding]:
    function = route.function
    if function is None or route.probe is None or not function.is_async:
        return
    asked = next(_unlimited(function, 0), None)
    if asked is not None and not _clients_have_limits(project):
        yield route.finding(
            f"`{route.full_path}` waits for `{asked.callee.text}` without a limit: when that stays silent, so does the "
            "probe, and each one holds a connection. Put `asyncio.timeout(1)` around it."
        )


@rule.check
def on_the_wire(health: HealthAnswers) -> Iterator[Finding | Undecided]:
    for answer in health.answers:
        if answer.too_late:
            yield Finding(
                f"`{answer.operation}` answers later than a probe waits (1 s unless it is told otherwise), so the instance "
                "counts as broken. Put `asyncio.timeout(…)` around what it asks, and answer 503 in time.",
                operation=answer.operation,
                observations=(answer.exchange.observation(f"it took {_seconds(answer.exchange)} to answer"),),
            )
    if not any(answer.too_late or answer.is_told for answer in health.answers):
        yield Undecided(health.untold)


def _seconds(exchange: Exchange) -> str:
    return f"{exchange.seconds:.1f} s" if exchange.answered else "longer than 4 s"


def _clients_have_limits(project: Project) -> bool:
    made = (r.call for r in project.source.resources)
    return any(c.spreads or not OF_CLIENTS.isdisjoint(c.keywords) for c in made)


def _unlimited(function: Function, depth: int) -> Iterator[Call]:
    """The calls that wait for a database or a cache for as long as it takes."""
    for call in function.calls:
        if _has_limit(call):
            continue
        if (call.name or "").startswith(ASKED) and call.method in METHODS and (call.awaited or call.entered):
            yield call
        target = call.target
        if target is not None and depth < DEEPEST and target.node is not function.node and call.awaited:
            yield from _unlimited(target, depth + 1)


def _has_limit(call: Call) -> bool:
    taker = call.passed_to
    if "timeout" in call.keywords or (taker is not None and taker.name == "asyncio.wait_for"):
        return True
    return any(isinstance(w, Call) and (w.name in LIMITS or "timeout" in w.keywords) for w in call.withs)


@rule.proof(needs=["redis"])
def the_probe_waits_with_the_database(bad: Served) -> None:
    assert bad.get("/openapi.json").status_code == 200
    try:
        bad.get("/readyz", timeout=3)
    except TimeoutError:
        return
    message = "the health check answered"
    raise AssertionError(message)
