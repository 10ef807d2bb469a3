"""Cache of each worker for itself

`InMemoryBackend`, aiocache's default cache and cashews' `mem://` keep their entries in the process. With four workers
60 requests for one cached URL gave four different answers; deleting an entry reaches one worker of four, and the others
answer with what was deleted until it expires. fastapi-cache2's backend also never forgets an entry that nobody asks for
again, and makes ETags that differ from worker to worker.

## Use instead
A cache that all workers share: `RedisBackend`, `aiocache.Cache.REDIS`, `cache.setup("redis://…")`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://github.com/long2ice/fastapi-cache#redisbackend"],
    examples=[
        Bad(
            {
                "main.py": """
                import os
                from contextlib import asynccontextmanager

                from fastapi import FastAPI
                from fastapi_cache import FastAPICache
                from fastapi_cache.backends.inmemory import InMemoryBackend
                from fastapi_cache.decorator import cache

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    FastAPICache.init(InMemoryBackend())  # finding
                    yield

                app = FastAPI(lifespan=lifespan)

                @app.get("/process")
                @cache(expire=300)
                async def process() -> int:
                    return os.getpid()
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY main.py .
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "4"]
                """,
            }
        ),
        Bad(
            {
                "main.py": """
                from aiocache import cached
                from cashews import cache
                from fastapi import FastAPI

                cache.setup("mem://")  # finding
                app = FastAPI()

                @app.get("/prices")
                @cache(ttl="5m")
                async def prices() -> int:
                    return 3

                @app.get("/more")
                @cached(ttl=60)  # finding
                async def more() -> int:
                    return 3
                """,
                "Procfile": """
                web: uvicorn main:app --workers 2
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from contextlib import asynccontextmanager

                from aiocache import Cache, cached
                from cashews import cache as kept
                from fastapi import FastAPI
                from fastapi_cache import FastAPICache
                from fastapi_cache.backends.redis import RedisBackend
                from fastapi_cache.decorator import cache
                from redis import asyncio as aioredis

                kept.setup("redis://cache")

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    FastAPICache.init(RedisBackend(aioredis.from_url("redis://cache")))
                    yield

                app = FastAPI(lifespan=lifespan)

                @app.get("/prices")
                @cache(expire=300)
                async def prices() -> int:
                    return 3

                @app.get("/more")
                @cached(ttl=60, cache=Cache.REDIS)
                async def more() -> int:
                    return 3
                """,
                "Procfile": """
                web: uvicorn main:app --workers 2
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from contextlib import asynccontextmanager

                from fastapi import FastAPI
                from fastapi_cache import FastAPICache
                from fastapi_cache.backends.inmemory import InMemoryBackend
                from fastapi_cache.decorator import cache

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    FastAPICache.init(InMemoryBackend())
                    yield

                app = FastAPI(lifespan=lifespan)

                @app.get("/prices")
                @cache(expire=300)
                async def prices() -> int:
                    return 3
                """,
                "Procfile": """
                web: uvicorn main:app
                """,
            }
        ),
    ],
)

INIT, BACKEND = "fastapi_cache.FastAPICache.init", "fastapi_cache.backends.inmemory.InMemoryBackend"
SETUP, CACHED = "cashews.cache.setup", "aiocache.cached"


@rule.check(of=[INIT, SETUP, CACHED])
def kept_in_the_process(call: Call, project: Project) -> Iterator[Finding]:
    total = project.deployment.workers_total
    if total is None or total.least <= 1 or not _in_memory(call):
        return
    yield call.finding(
        f"These entries live in one process ({total.arithmetic}): the same request is answered differently by each worker, "
        "and deleting an entry reaches one of them. Keep them in a cache that all share."
    )


def _in_memory(call: Call) -> bool:
    if call.name == INIT:
        backend = call.argument("backend", 0)
        return backend is not None and backend.is_a(BACKEND)
    if call.name == SETUP:
        address = call.argument("settings_url", 0)
        where = address.constant if address is not None else None
        return isinstance(where, str) and where.startswith("mem://")
    chosen = call.argument("cache", 5) or call.argument("alias")
    return chosen is None and not call.spreads


@rule.proof(needs=["fastapi-cache2"], options=("--workers", "2"))
def the_same_request_is_answered_differently(bad: Served) -> None:
    answers = {bad.get("/process").json() for _ in bad.each_worker()}
    assert len(answers) > 1
