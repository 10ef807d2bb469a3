"""Cached answer without a time to live

`@cache()` of fastapi-cache2 without `expire`, and no `expire` in `FastAPICache.init`, depends on the backend: in memory
the entry is stale at once and nothing is cached, in Redis it is kept until somebody deletes it. The answer carries
`Cache-Control: max-age=None`, which no client understands.

## Use instead
`@cache(expire=60)`, or `FastAPICache.init(…, expire=60)` for all.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project, Route, route_caches
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://github.com/long2ice/fastapi-cache#usage"],
    examples=[
        Bad(
            """
            import time
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

            @app.get("/time")
            @cache()  # finding
            async def now() -> float:
                return time.time()
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from fastapi_cache import FastAPICache
            from fastapi_cache.backends.inmemory import InMemoryBackend
            from fastapi_cache.decorator import cache

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                FastAPICache.init(InMemoryBackend(), expire=60)
                yield

            app = FastAPI(lifespan=lifespan)

            @app.get("/time")
            @cache()
            async def now() -> int:
                return 3
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from aiocache import cached
            from fastapi import FastAPI
            from fastapi_cache import FastAPICache
            from fastapi_cache.backends.inmemory import InMemoryBackend
            from fastapi_cache.decorator import cache

            OPTIONS = {"expire": 60}

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                FastAPICache.init(InMemoryBackend())
                yield

            app = FastAPI(lifespan=lifespan)

            @app.get("/time")
            @cache(**OPTIONS)
            async def now() -> int:
                return 3

            @app.get("/first")
            @cache(60)
            async def first() -> int:
                return 3

            @app.get("/other")
            @cached()
            async def other() -> int:
                return 3
            """
        ),
    ],
)


@rule.check
def no_time_to_live(route: Route, project: Project) -> Iterator[Finding]:
    inits = project.source.calls_anywhere("fastapi_cache.FastAPICache.init")
    if not inits or any(c.argument("expire", 2) is not None or c.has_unknown_arguments for c in inits):
        return
    for cache in route_caches(route):
        call = cache.call
        if cache.library != "fastapi-cache2" or call is None or cache.has_unknown_options or call.arguments:
            continue
        if cache.option("expire", "ttl", "timeout") is None:
            yield call.finding(
                f"`{route.operation}` is cached without a time to live: in memory it is stale at once, in Redis it stays "
                "for ever. Pass `expire`, in seconds.",
                operation=route.operation,
            )


@rule.proof(needs=["fastapi-cache2"])
def it_is_stale_within_a_second(bad: Served) -> None:
    import time  # noqa: PLC0415  the proof alone waits

    first = bad.get("/time").json()
    time.sleep(1.2)
    assert bad.get("/time").json() != first
