"""Cache key made of an object's memory address

fastapi-cache2, cashews and aiocache build their own key from every argument of the handler, injected dependencies
included, as text. An object without a `repr` of its own (an ORM row, a service, a session; for cashews and aiocache
also the `Request`) puts its memory address there. Addresses are used again as soon as an object is gone: in a run with
three users, 313 of 475 hits of fastapi-cache2 were another user's answer, with cashews 34 of 300 requests, with
aiocache 5. Where the address differs every time, the cache never hits.

## Use instead
A `key_builder` (cashews: `key="me:{user.id}"`) that makes the key from path, query and the user's id, or a dependency
that gives the id itself.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SESSIONS, Class, Dependency, Function, Route, route_caches
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://github.com/long2ice/fastapi-cache#custom-key-builder"],
    cwe="CWE-524",
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import Depends, FastAPI, Header
            from fastapi_cache import FastAPICache
            from fastapi_cache.backends.inmemory import InMemoryBackend
            from fastapi_cache.decorator import cache

            class User:
                def __init__(self, name: str) -> None:
                    self.name = name

            def current_user(x_user: str = Header()) -> User:
                return User(x_user)

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                FastAPICache.init(InMemoryBackend())
                yield

            app = FastAPI(lifespan=lifespan)

            @app.get("/me")
            @cache(expire=300)
            async def me(user: User = Depends(current_user)) -> dict[str, str]:  # finding
                return {"name": user.name}
            """
        ),
        Bad(
            """
            from aiocache import cached
            from cashews import cache
            from fastapi import Depends, FastAPI, Header, Request

            class User:
                def __init__(self, name: str) -> None:
                    self.name = name

            def current_user(x_user: str = Header()) -> User:
                return User(x_user)

            app = FastAPI()

            @app.get("/me")
            @cache(ttl="5m")
            async def me(user: User = Depends(current_user)) -> dict[str, str]:  # finding
                return {"name": user.name}

            @app.get("/again")
            @cached(ttl=60)
            async def again(request: Request) -> dict[str, str]:  # finding
                return {"name": request.headers["x-user"]}
            """
        ),
        Good(
            """
            from aiocache import cached
            from cashews import cache
            from fastapi import Depends, FastAPI, Header, Request
            from fastapi_cache.decorator import cache as fastapi_cached

            class User:
                def __init__(self, name: str) -> None:
                    self.name = name

            def current_user(x_user: str = Header()) -> User:
                return User(x_user)

            def by_name(function, *args, **kwargs) -> str:
                return kwargs["user"].name

            app = FastAPI()

            @app.get("/me")
            @cache(ttl="5m", key="me:{user.name}")
            async def me(user: User = Depends(current_user)) -> dict[str, str]:
                return {"name": user.name}

            @app.get("/again")
            @cached(ttl=60, key_builder=by_name)
            async def again(user: User = Depends(current_user)) -> dict[str, str]:
                return {"name": user.name}

            @app.get("/prices")
            @fastapi_cached(expire=60)
            async def prices(request: Request) -> dict[str, str]:
                return {"path": request.url.path}
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Header
            from fastapi_cache.decorator import cache
            from pydantic import BaseModel

            class User(BaseModel):
                name: str

            def current_user(x_user: str = Header()) -> User:
                return User(name=x_user)

            app = FastAPI()

            @app.get("/me")
            @cache(expire=300)
            async def me(user: User = Depends(current_user)) -> dict[str, str]:
                return {"name": user.name}
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Header
            from fastapi_cache.decorator import cache

            class User:
                def __init__(self, name: str) -> None:
                    self.name = name

            def current_user(x_user: str = Header()) -> User:
                return User(x_user)

            def by_user(func, namespace="", *, request, response, args, kwargs):
                return f"{namespace}:{request.url.path}:{kwargs['user'].name}"

            app = FastAPI()

            @app.get("/me")
            @cache(expire=300, key_builder=by_user)
            async def me(user: User = Depends(current_user)) -> dict[str, str]:
                return {"name": user.name}
            """
        ),
        Good(
            """
            from dataclasses import dataclass

            from fastapi import Depends, FastAPI, Header, Request
            from fastapi_cache.decorator import cache

            @dataclass
            class Page:
                number: int = 1

            def tenant(x_tenant: str = Header()) -> str:
                return x_tenant

            app = FastAPI()

            @app.get("/prices")
            @cache(expire=300)
            async def prices(request: Request, page: Page = Depends(), tenant: str = Depends(tenant)) -> dict[str, str]:
                return {"tenant": tenant}
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from fastapi_cache import cache

            class Page:
                def __init__(self, number: int = 1) -> None:
                    self.number = number

                def __repr__(self) -> str:
                    return f"Page({self.number})"

            app = FastAPI()

            @app.get("/leads")
            @cache(expire=60)
            async def leads(page: Page = Depends()) -> int:
                return page.number
            """
        ),
    ],
)

KEYS = {"fastapi-cache2": "key_builder", "cashews": "key", "aiocache": "key_builder"}
"""What tells each library what to make the key of."""

VALUES = (
    "pydantic.BaseModel",
    "pydantic.RootModel",
    "sqlmodel.SQLModel",
    "enum.Enum",
    "enum.StrEnum",
    "typing.NamedTuple",
)
DATACLASSES = ("dataclasses.dataclass", "attrs.define", "attrs.frozen", "attr.s", "pydantic.dataclasses.dataclass")
PER_REQUEST = (*SESSIONS, "redis.asyncio.Redis", "redis.Redis", "httpx.AsyncClient")


@rule.check
def keyed_by_address(route: Route) -> Iterator[Finding]:
    function = route.function
    cache = next((c for c in route_caches(route) if c.keyed_by_arguments and c.call is not None), None)
    if function is None or cache is None:
        return
    objects = {p.name: f"`{p.name}` (the request)" for p in function.parameters if p.is_a("fastapi.Request")}
    objects = {} if "fastapi.Request" in cache.untold else objects
    for dependency in route.direct_dependencies:
        what = _object(dependency, function)
        if dependency.parameter is not None and what is not None:
            objects[dependency.parameter] = f"`{dependency.parameter}` ({what})"
    if objects:
        yield function.finding(
            f"The cache key of `{route.operation}` contains the memory address of {' and '.join(objects.values())}: an "
            f"address that is used again answers one caller with another's data. Give `@{cache.decorator_name}` a "
            f"`{KEYS[cache.library]}`.",
            operation=route.operation,
        )


def _object(dependency: Dependency, function: Function) -> str | None:
    """What a parameter holds, when its `repr` is certainly an address."""
    parameter = function.parameter(dependency.parameter) if dependency.parameter else None
    if parameter is None:
        return None
    if parameter.is_a(*PER_REQUEST):
        return f"a `{parameter.type_name}`"
    cls = parameter.defined_class
    if cls is None or cls.descends_from(*VALUES) or _has_repr(cls):
        return None
    return f"a `{cls.name}`, which has no `__repr__`"


def _has_repr(cls: Class) -> bool:
    if cls.method("__repr__") is not None or cls.method("__str__") is not None:
        return True
    if any((d.name or "").removesuffix("()") in DATACLASSES for d in cls.decorators):
        return True
    known = (
        "object",
        "sqlalchemy.orm.DeclarativeBase",
        "sqlalchemy.orm.declarative_base()",
        "abc.ABC",
        "typing.Protocol",
    )
    return any(
        "." in base and base not in known and not base.startswith(cls.module.name.partition(".")[0])
        for base in cls.bases
    )


@rule.proof(needs=["fastapi-cache2"])
def one_user_is_answered_with_anothers_data(bad: Served) -> None:
    wrong = 0
    for number in range(300):
        name = f"user{number % 3}"
        reply = bad.get("/me", headers={"x-user": name})
        wrong += reply.json() != {"name": name}
    assert wrong > 0, "no answer of another user among 300"
