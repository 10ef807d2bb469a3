"""Cache decorator above the route decorator

`@app.get` registers the function that it is given. A decorator above it wraps what `@app.get` returns, which no request
ever calls: the route runs every time and nothing is cached, without an error.

## Use instead
The route decorator first (outermost), the cache below it.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Expression, Route, caches_of
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://github.com/long2ice/fastapi-cache#quick-start"],
    examples=[
        Bad(
            """
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
            calls: list[int] = []

            @cache(expire=60)  # finding
            @app.get("/count")
            async def count() -> int:
                calls.append(1)
                return len(calls)
            """,
            fixed="""
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
            calls: list[int] = []

            @app.get("/count")
            @cache(expire=60)
            async def count() -> int:
                calls.append(1)
                return len(calls)
            """,
        ),
        Good(
            """
            import functools

            from fastapi import APIRouter, FastAPI
            from fastapi_cache.decorator import cache

            app = FastAPI()
            router = APIRouter()

            @router.get("/old")
            @app.get("/count")
            @cache(expire=60)
            async def count() -> int:
                return 1

            @functools.lru_cache
            def settings() -> dict: ...
            """
        ),
    ],
)


@rule.check
def never_called(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.location not in function.decorator_places:
        return
    registering = function.decorator_places[route.location]
    for cache in caches_of(function):
        below = registering - function.decorator_places[cache.decorator.location]
        if below > 0:
            yield cache.decorator.finding(
                f"`{cache.decorator_name}` stands above the decorator that registers `{route.operation}`, so "
                "no request passes it and nothing is cached. Move it below.",
                fix=_swapped(cache.decorator, function.decorators[registering]) if below == 1 else None,
                operation=route.operation,
            )


def _swapped(above: Expression, below: Expression) -> Fix:
    return Fix("Swap the decorators", (above.replace(below.text), below.replace(above.text)), safe=True)


@rule.proof(needs=["fastapi-cache2"])
def nothing_is_cached(bad: Served) -> None:
    assert [bad.get("/count").json() for _ in range(3)] == [1, 2, 3]
