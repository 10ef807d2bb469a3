"""Depends() is given a result instead of something to call

FastAPI calls what `Depends` is given, once for each request. `Depends(get_db())` and `Depends(service)` hand it the
result of a call: a generator, a coroutine, an object. It fails with `TypeError: … is not a callable object` while the
application is imported; inside an included router, since FastAPI 0.137, only the first request fails, and every one
after it, `/openapi.json` too, so that importing the application in CI shows nothing.

## Use instead
Pass the function itself: `Depends(get_db)`. For an object made once, write a provider that returns it. A call is right
when it returns a callable: `Depends(require_role("admin"))`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Dependency, Expression
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_db():
                yield {"connected": True}

            @app.get("/users")
            def users(db=Depends(get_db())):  # finding
                return db
            """,
            fixed="""
            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_db():
                yield {"connected": True}

            @app.get("/users")
            def users(db=Depends(get_db)):
                return db
            """,
        ),
        Bad(
            """
            from fastapi import APIRouter, Depends, FastAPI

            class UserService:
                def names(self) -> list[str]:
                    return ["ada"]

            service = UserService()
            router = APIRouter(dependencies=[Depends(service)])  # finding

            @router.get("/users")
            def users() -> list[str]:
                return service.names()

            app = FastAPI()
            app.include_router(router)
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, HTTPException
            from fastapi.security import OAuth2PasswordBearer

            class Role:
                def __init__(self, name: str) -> None:
                    self.name = name

                def __call__(self, token: str = Depends(OAuth2PasswordBearer(tokenUrl="token"))) -> None:
                    if token != self.name:
                        raise HTTPException(403)

            def require(name: str):
                def check(token: str = Depends(OAuth2PasswordBearer(tokenUrl="token"))) -> None:
                    if token != name:
                        raise HTTPException(403)
                return check

            app = FastAPI(dependencies=[Depends(Role("reader"))])

            @app.get("/users", dependencies=[Depends(require("admin"))])
            def users() -> list[str]:
                return ["ada"]
            """
        ),
        Good(
            """
            from functools import partial

            from fastapi import Depends, FastAPI
            from elsewhere import make_guard

            def limited(times: int) -> int:
                return times

            class UserService:
                pass

            app = FastAPI()

            @app.get("/users", dependencies=[Depends(partial(limited, times=3)), Depends(make_guard())])
            def users(service: UserService = Depends(UserService), other: UserService = Depends()) -> list[str]:
                return ["ada"]
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI
            from sqlalchemy import create_engine, text
            from sqlalchemy.orm import Session

            session = Session(create_engine("sqlite://"))
            app = FastAPI()

            @app.get("/leads")
            def leads(db: Session = Depends(session)) -> int:  # finding
                return db.scalar(text("select 1"))
            """
        ),
    ],
)

UNCALLABLE = (
    "sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.Engine",
    "sqlalchemy.ext.asyncio.AsyncEngine", "httpx.Client", "httpx.AsyncClient",
)  # fmt: skip


@rule.check
def dependencies(dependency: Dependency) -> Iterator[Finding]:
    marker = dependency.call
    given = marker.argument("dependency", 0) if marker is not None else None
    if marker is None or given is None:
        return
    made = _lazily_made(given) or _instance(given)
    if made is None:
        return
    yield marker.finding(
        f"`{marker.text}` passes {made}, which FastAPI cannot call: the application fails at import, or every request "
        "does when the route is in an included router. Pass the function or class itself.",
        fix=_fix(given),
    )


def _lazily_made(given: Expression) -> str | None:
    """What calling a generator or coroutine function gives, in words."""
    target = given.target if isinstance(given, Call) else None
    if target is None or target.decorators or target.name == "__init__":
        return None
    if target.is_generator:
        return "a generator object"
    return "a coroutine object" if target.is_async else None


def _instance(given: Expression) -> str | None:
    """An object without `__call__`, in words."""
    if given.type_name is None:
        return None
    if given.is_a(*UNCALLABLE):
        return f"a `{given.type_name.rpartition('.')[2]}` object"
    cls = given.defined_class
    if cls is None or not cls.is_whole or cls.method("__call__") is not None:
        return None
    return f"an instance of `{cls.name}`"


def _fix(given: Expression) -> Fix | None:
    if not isinstance(given, Call) or given.arguments or given.keywords or _lazily_made(given) is None:
        return None
    return Fix(f"Pass `{given.callee.text}` without calling it", (given.replace(given.callee.text),), safe=True)


@rule.proof
def the_application_cannot_be_imported(bad: Served) -> None:
    assert not bad.started
    assert "is not a callable object" in bad.log
