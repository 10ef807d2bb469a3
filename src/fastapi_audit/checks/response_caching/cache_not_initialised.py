"""fastapi-cache used without `FastAPICache.init`

The decorator asks for the backend at every request. Without `FastAPICache.init(...)` at start-up each cached route
answers 500 with `AssertionError: You must call init first!`.

## Use instead
`FastAPICache.init(RedisBackend(redis), prefix=…)` in the lifespan.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Project, route_caches
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://github.com/long2ice/fastapi-cache#initialization"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi_cache.decorator import cache

            app = FastAPI()  # finding

            @app.get("/prices")
            @cache(expire=60)
            async def prices() -> int:
                return 3
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from fastapi_cache import FastAPICache
            from fastapi_cache.backends.inmemory import InMemoryBackend
            from fastapi_cache.decorator import cache

            def start_cache() -> None:
                FastAPICache.init(InMemoryBackend(), prefix="prices")

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                start_cache()
                yield

            app = FastAPI(lifespan=lifespan)

            @app.get("/prices")
            @cache(expire=60)
            async def prices() -> int:
                return 3
            """
        ),
        Good(
            """
            from cashews import cache
            from fastapi import FastAPI

            cache.setup("mem://")
            app = FastAPI()

            @app.get("/prices")
            @cache(ttl="1m")
            async def prices() -> int:
                return 3
            """
        ),
    ],
)


@rule.check
def no_backend(app: App, project: Project) -> Iterator[Finding]:
    if app.is_mounted or project.source.calls_anywhere("fastapi_cache.FastAPICache.init"):
        return
    cached = next((r for r in app.all_routes if any(c.library == "fastapi-cache2" for c in route_caches(r))), None)
    if cached is not None:
        yield app.finding(
            f"Nothing calls `FastAPICache.init(...)`: `{cached.operation}`, like every cached route, answers 500, `You "
            "must call init first!`. Call it in the lifespan."
        )


@rule.proof(needs=["fastapi-cache2"])
def every_cached_route_is_a_500(bad: Served) -> None:
    assert bad.get("/prices").status_code == 500
    bad.stop()
    assert "You must call init first" in bad.log
