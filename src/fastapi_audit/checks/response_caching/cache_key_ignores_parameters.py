"""Cache key without what the answer is made of

A `key` that is written out replaces the library's own key, which holds every argument. `key="me"` is one entry for all
callers: in a run with three users, 200 of 300 answers were another user's. `key="lead:{id}"` in a handler that also
reads `language` answers everybody in the first caller's language.

## Use instead
Name every parameter that the answer depends on: cashews `key="lead:{id}:{language}"`; aiocache `key_builder=…`, or no
`key` at all when all arguments are plain values.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import CachedFunction, Parameter, Route, route_caches
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://github.com/Krukov/cashews#template-keys", "https://aiocache.aio-libs.org/en/latest/"],
    cwe="CWE-524",
    examples=[
        Bad(
            """
            from aiocache import cached
            from fastapi import FastAPI, Header

            app = FastAPI()

            @app.get("/me")
            @cached(ttl=60, key="me")  # finding
            async def me(x_user: str = Header()) -> dict[str, str]:
                return {"user": x_user}
            """
        ),
        Bad(
            """
            from cashews import cache
            from fastapi import Depends, FastAPI
            from fastapi.security import OAuth2PasswordBearer

            bearer = OAuth2PasswordBearer(tokenUrl="token")

            class User:
                name: str

            def current_user(token: str = Depends(bearer)) -> User:
                return User()

            app = FastAPI()

            @app.get("/leads/{id}")
            @cache(ttl="1m", key="lead:{id}")  # finding
            async def lead(id: int, language: str = "en") -> dict[str, str]:
                return {"language": language}

            @app.get("/me")
            @cache(ttl="1m", key="me")  # finding
            async def me(user: User = Depends(current_user)) -> str:
                return user.name
            """
        ),
        Good(
            """
            from aiocache import cached
            from cashews import cache
            from fastapi import Depends, FastAPI, Header, Request
            from fastapi_cache.decorator import cache as fastapi_cached

            class Repository: ...

            def repository() -> Repository: ...

            app = FastAPI()

            @app.get("/prices")
            @cached(ttl=60, key="prices")
            async def prices(request: Request, repository: Repository = Depends(repository)) -> str:
                return str(repository)

            @app.get("/leads/{id}")
            @cache(ttl="1m", key="lead:{id}:{language:lower}")
            async def lead(id: int, language: str = "en", x_trace: str = Header()) -> dict[str, str]:
                return {"language": language}

            @app.get("/me")
            @cached(ttl=60)
            async def me(x_user: str = Header()) -> str:
                return x_user

            @app.get("/all")
            @fastapi_cached(expire=60)
            async def every(x_user: str = Header()) -> str:
                return x_user
            """
        ),
    ],
)

NAMED = re.compile(r"\{(\w+)")
ALL_ARGUMENTS = ("__kwargs__", "__args__")


@rule.check
def entry_for_everybody(route: Route) -> Iterator[Finding]:
    for cache in route_caches(route):
        if cache.key is None or any(name in cache.key for name in ALL_ARGUMENTS):
            continue
        missing = list(_missing(cache, cache.key, route))
        if missing:
            yield cache.decorator.finding(
                f'The key `"{cache.key}"` of `{route.operation}` is the same whatever '
                f"{' and '.join(f'`{p.name}`' for p in missing)} says, and the answer is made of it: callers get each "
                "other's. Name it in the key.",
                operation=route.operation,
            )


def _missing(cache: CachedFunction, key: str, route: Route) -> Iterator[Parameter]:
    """What callers send or who they are, which the handler reads and the key does not name."""
    named = NAMED.findall(key) if cache.library == "cashews" else []
    authenticating = {d.parameter for d in route.direct_dependencies if route.source.authenticates(d)}
    for parameter in cache.function.parameters:
        known = parameter.name in authenticating or _is_sent(parameter)
        if known and parameter.name not in named and cache.function.reads(parameter.name):
            yield parameter


def _is_sent(parameter: Parameter) -> bool:
    """A path, query, header or cookie parameter."""
    annotation = parameter.annotation
    if parameter.is_dependency or annotation is None:
        return False
    return any((part.name or "").rpartition(".")[2] in PLAIN for part in annotation.walk())


PLAIN = frozenset({"str", "int", "float", "bool", "UUID", "date", "datetime", "Decimal"})


@rule.proof(needs=["aiocache"])
def bob_gets_alices_answer(bad: Served) -> None:
    assert bad.get("/me", headers={"x-user": "alice"}).json() == {"user": "alice"}
    assert bad.get("/me", headers={"x-user": "bob"}).json() == {"user": "alice"}
