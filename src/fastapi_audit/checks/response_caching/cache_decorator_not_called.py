"""Cache decorator without its parentheses

`cache` of fastapi-cache2 and cashews and `cached` of aiocache take options and give the decorator. Bare, they take the
handler for an option: the route becomes the decorator itself, whose only argument FastAPI reads as a required query
parameter. Nothing fails at start; every request is a 422, `Field required: func`.

## Use instead
`@cache(expire=60)`, `@cached(ttl=60)`. `functools.cache` and `lru_cache` do work bare.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route, route_caches
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://github.com/long2ice/fastapi-cache#usage"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @app.get("/prices")
            @cache  # finding
            async def prices() -> int:
                return 3
            """
        ),
        Bad(
            """
            from aiocache import cached
            from cashews import cache
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/prices")
            @cached  # finding
            async def prices() -> int:
                return 3

            @app.get("/more")
            @cache  # finding
            async def more() -> int:
                return 3
            """
        ),
        Good(
            """
            import functools

            from fastapi import FastAPI
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @app.get("/prices")
            @cache(expire=60)
            async def prices() -> int:
                return 3

            @app.get("/settings")
            @functools.cache
            def settings() -> int:
                return 3
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            def cache(function):
                return function

            app = FastAPI()

            @app.get("/prices")
            @cache
            async def prices() -> int:
                return 3
            """
        ),
    ],
)

TAKE_OPTIONS = {"fastapi-cache2": "expire=60", "cashews": 'ttl="1m"', "aiocache": "ttl=60"}


@rule.check
def takes_the_handler_for_an_option(route: Route) -> Iterator[Finding]:
    for cache in route_caches(route):
        if cache.call is None and cache.library in TAKE_OPTIONS:
            yield cache.decorator.finding(
                f"`@{cache.decorator_name}` without parentheses takes the handler for an option: every `{route.operation}` "
                f"is a 422. Write `@{cache.decorator_name}({TAKE_OPTIONS[cache.library]})`.",
                operation=route.operation,
            )


@rule.proof(needs=["fastapi-cache2"])
def every_request_is_a_422(bad: Served) -> None:
    reply = bad.get("/prices")
    assert reply.status_code == 422
    assert "func" in reply.text
