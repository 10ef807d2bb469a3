"""Cached coroutine or generator used as a dependency

`lru_cache` keeps what the call returned. Of an `async def` that is a coroutine, which can be awaited once; of a
function that yields it is a generator, which can be run once. The first request of each worker succeeds, so a smoke
test passes; every later one is a 500: `RuntimeError: cannot reuse already awaited coroutine`.

## Use instead
Make the object once in the `lifespan` and hand it out from `request.state`, or cache a plain `def` provider.
`async_lru.alru_cache` caches what a coroutine gives.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Expression, Function
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://docs.python.org/3/library/functools.html#functools.lru_cache"],
    examples=[
        Bad(
            """
            from functools import lru_cache

            from fastapi import Depends, FastAPI

            app = FastAPI()

            @lru_cache
            async def get_settings() -> dict[str, str]:  # finding
                return {"name": "leads"}

            @app.get("/")
            async def read(settings: dict[str, str] = Depends(get_settings)) -> str:
                return settings["name"]
            """,
            fixed="""
            from functools import lru_cache

            from fastapi import Depends, FastAPI

            app = FastAPI()

            async def get_settings() -> dict[str, str]:
                return {"name": "leads"}

            @app.get("/")
            async def read(settings: dict[str, str] = Depends(get_settings)) -> str:
                return settings["name"]
            """,
        ),
        Bad(
            """
            from functools import cache

            from fastapi import Depends, FastAPI

            app = FastAPI()

            @cache
            def get_db():  # finding
                yield "session"

            @app.get("/")
            def read(db: str = Depends(get_db)) -> str:
                return db
            """,
            fixed="""
            from functools import cache

            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_db():
                yield "session"

            @app.get("/")
            def read(db: str = Depends(get_db)) -> str:
                return db
            """,
        ),
        Good(
            """
            from functools import lru_cache

            from async_lru import alru_cache
            from fastapi import Depends, FastAPI

            app = FastAPI()

            @lru_cache
            def get_settings() -> dict[str, str]:
                return {"name": "leads"}

            @alru_cache
            async def get_rates() -> dict[str, float]:
                return {"EUR": 1.0}

            @app.get("/")
            async def read(settings=Depends(get_settings), rates=Depends(get_rates)) -> str:
                return settings["name"]
            """
        ),
    ],
)

CACHES = frozenset(
    {"functools.lru_cache", "functools.cache", "cachetools.cached", "cachetools.func.lru_cache",
     "cachetools.func.ttl_cache"}
)  # fmt: skip


@rule.check
def providers(function: Function) -> Iterator[Finding]:
    if not (function.is_async or function.is_generator) or not (function.asked_for_by or function.in_request):
        return
    cached = next((d for d in function.decorators if _name(d) in CACHES), None)
    if cached is None:
        return
    kept = "generator" if function.is_generator else "coroutine"
    edit = function.without_decorator(cached)
    fix = Fix("Do not cache it", (edit,), safe=True) if edit is not None else None
    yield function.finding(
        f"`{cached.text}` keeps the {kept} of `{function.name}`, which can be used once: the first request of each "
        "worker succeeds, all later ones are a 500. Take the decorator away, or make the object in the lifespan.",
        fix=fix,
    )


def _name(decorator: Expression) -> str | None:
    calls = decorator.calls
    return calls[0].name if decorator.kind == "call" and calls else decorator.name


@rule.proof
def only_the_first_request_succeeds(bad: Served) -> None:
    assert [bad.get("/").status_code for _ in range(3)] == [200, 500, 500]
