"""What rules of database pooling and rate limiting claim, shown on a real PostgreSQL and Redis."""

from collections import Counter
from pathlib import Path

import psycopg
import pytest
import redis

from fastapi_audit.rule import Bad
from served import serve

pytestmark = pytest.mark.services


def connections(database: str) -> int:
    """How many clients the server has, this question aside."""
    with psycopg.connect(database) as connection:
        counted = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert counted is not None
    return int(counted[0])


def app(database: str, body: str) -> Bad:
    """A service that knows the database as `DATABASE`."""
    return Bad(
        {
            "main.py": f"""
import asyncio
import asyncpg
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

DATABASE = "{database}"
URL = "{database.replace("postgresql:", "postgresql+asyncpg:")}"
app = FastAPI()
{body}"""
        }
    )


def test_an_engine_for_each_request_leaves_its_connection_behind(postgres: str, tmp_path: Path) -> None:
    body = """
engines = []

@app.get("/")
async def read() -> int:
    engine = create_async_engine(URL)
    engines.append(engine)
    async with engine.connect() as connection:
        return (await connection.execute(text("select 1"))).scalar()
"""
    before = connections(postgres)
    with serve(app(postgres, body), tmp_path) as service:
        assert [service.get("/").status_code for _ in range(8)] == [200] * 8
        assert connections(postgres) - before == 8


def test_pools_together_may_ask_for_more_than_the_database_has(postgres: str, tmp_path: Path) -> None:
    body = """
engine = create_async_engine(URL, pool_size=200, pool_timeout=3)

async def hold() -> bool:
    try:
        async with engine.connect() as connection:
            await connection.execute(text("select pg_sleep(0.5)"))
    except Exception as error:
        return "too many clients" in str(error)
    return False

@app.get("/")
async def read() -> int:
    return sum(await asyncio.gather(*[hold() for _ in range(130)]))
"""
    with serve(app(postgres, body), tmp_path) as service:
        refused = service.get("/", timeout=60).json()

    # A PostgreSQL accepts 100 where nothing else is said, three of them for administrators only.
    assert isinstance(refused, int)
    assert refused > 20


@pytest.mark.parametrize(("pre_ping", "statuses"), [(False, [200, 500]), (True, [200, 200])])
def test_only_a_pool_that_asks_first_survives_lost_connections(
    postgres: str, tmp_path: Path, *, pre_ping: bool, statuses: list[int]
) -> None:
    body = f"""
engine = create_async_engine(URL, pool_pre_ping={pre_ping})

@app.get("/")
async def read() -> int:
    async with engine.connect() as connection:
        return (await connection.execute(text("select 1"))).scalar()
"""
    with serve(app(postgres, body), tmp_path) as service:
        first = service.get("/").status_code
        with psycopg.connect(postgres) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        assert [first, service.get("/").status_code] == statuses


def test_acquire_without_a_timeout_waits_for_ever(postgres: str, tmp_path: Path) -> None:
    body = """
@app.get("/")
async def read(timeout: float | None = None) -> str:
    async with asyncpg.create_pool(DATABASE, min_size=1, max_size=1) as pool:
        async with pool.acquire():
            waiting = asyncio.ensure_future(pool.acquire(timeout=timeout))
            done, _ = await asyncio.wait([waiting], timeout=2)
            waiting.cancel()
            return type(waiting.exception()).__name__ if done else "waiting"
"""
    with serve(app(postgres, body), tmp_path) as service:
        assert service.get("/").json() == "waiting"
        assert service.get("/?timeout=0.2").json() == "TimeoutError"


@pytest.mark.parametrize("shared", [False, True])
def test_only_shared_counts_hold_the_limit_over_two_workers(redis_server: str, tmp_path: Path, *, shared: bool) -> None:
    storage = f', storage_uri="{redis_server}"' if shared else ""
    example = Bad(f"""
        from fastapi import FastAPI, Request
        from slowapi import Limiter
        from slowapi.util import get_remote_address

        limiter = Limiter(key_func=get_remote_address{storage})
        app = FastAPI()
        app.state.limiter = limiter

        @app.get("/")
        @limiter.limit("10/hour")
        def read(request: Request) -> str:
            return "ok"
        """)
    with serve(example, tmp_path, ("--workers", "2")) as service:
        counted = Counter(service.get("/").status_code for _ in service.each_worker() for _ in range(15))

    assert counted[200] == (10 if shared else 20)


@pytest.mark.parametrize("patient", [True, False])
def test_a_redis_that_hangs_stops_everything_without_a_socket_timeout(
    redis_server: str, tmp_path: Path, *, patient: bool
) -> None:
    options = "" if patient else ', storage_options={"socket_timeout": 0.2}, in_memory_fallback_enabled=True'
    example = Bad(f"""
        from fastapi import FastAPI, Request
        from slowapi import Limiter
        from slowapi.util import get_remote_address

        limiter = Limiter(key_func=get_remote_address, storage_uri="{redis_server}"{options})
        app = FastAPI()
        app.state.limiter = limiter

        @app.get("/limited")
        @limiter.limit("100/hour")
        async def limited(request: Request) -> str:
            return "ok"

        @app.get("/other")
        async def other() -> str:
            return "ok"
        """)
    with serve(example, tmp_path) as service, redis.Redis.from_url(redis_server) as client:
        service.get("/limited")
        client.client_pause(1500)
        _, other = service.together(("GET", "/limited"), ("GET", "/other"))

    assert (other.seconds > 0.8) is patient
