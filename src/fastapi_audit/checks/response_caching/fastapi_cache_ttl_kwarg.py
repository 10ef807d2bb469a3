"""`ttl` passed to fastapi-cache's `@cache`

The decorator of fastapi-cache2 has no `ttl` (nor `timeout`): its argument is `expire`. The call raises
`TypeError: cache() got an unexpected keyword argument 'ttl'` while the module is imported, so the service does not
start. Cashews and aiocache do take `ttl`.

## Use instead
`@cache(expire=300)`, in seconds.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Edit, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://github.com/long2ice/fastapi-cache"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @app.get("/prices")
            @cache(ttl=300)  # finding
            async def prices() -> dict[str, int]:
                return {"apple": 3}
            """,
            fixed="""
            from fastapi import FastAPI
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @app.get("/prices")
            @cache(expire=300)
            async def prices() -> dict[str, int]:
                return {"apple": 3}
            """,
        ),
        Good(
            """
            from cashews import cache
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/prices")
            @cache(ttl="5m")
            async def prices() -> dict[str, int]:
                return {"apple": 3}
            """
        ),
        Good(
            """
            from aiocache import cached
            from fastapi import FastAPI
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @app.get("/prices")
            @cache(expire=60)
            @cached(ttl=60)
            async def prices() -> dict[str, int]:
                return {"apple": 3}
            """
        ),
        Bad(
            """
            import os

            from fastapi import FastAPI
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @app.get("/leads")
            @cache(ttl=float(os.environ["SECONDS"]))  # finding
            async def leads() -> int:
                return 1

            @app.get("/users")
            @cache(ttl = 60)  # finding
            async def users() -> int:
                return 2
            """
        ),
    ],
)

WRONG = ("ttl", "timeout")


@rule.check(of=["fastapi_cache.cache"])
def unknown_keyword(call: Call) -> Iterator[Finding]:
    wrong = next((name for name in WRONG if name in call.keywords), None)
    if wrong is None:
        return
    yield call.finding(
        f"`cache()` of fastapi-cache2 takes `expire`, not `{wrong}`: importing this module raises TypeError and the "
        "service does not start.",
        fix=_renamed(call, wrong),
    )


def _renamed(call: Call, wrong: str) -> Fix | None:
    value = call.keywords[wrong]
    if "expire" in call.keywords or not isinstance(value.constant, int):
        return None
    start = call.text.find(f"{wrong}=")
    if start < 0:
        return None
    at = call.insert_before("")
    return Fix("Pass `expire`", (Edit(at.path, at.start + start, wrong, "expire"),), safe=True)


@rule.proof(needs=["fastapi-cache2"])
def the_service_does_not_start(bad: Served) -> None:
    assert not bad.started
    assert "unexpected keyword argument 'ttl'" in bad.log
