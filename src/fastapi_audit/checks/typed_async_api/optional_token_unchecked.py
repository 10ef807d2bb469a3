"""Optional credentials that nobody checks

`HTTPBearer(auto_error=False)` and its like give `None` instead of refusing. A handler that only takes the value and
never looks whether it is there lets everybody in, although the documentation shows a lock.

## Use instead
Drop `auto_error=False`, or raise `HTTPException(401)` when the value is `None`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Dependency, Function, Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-306",
    references=["https://fastapi.tiangolo.com/reference/security/#fastapi.security.HTTPBearer"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer

            app = FastAPI()
            bearer = HTTPBearer(auto_error=False)


            @app.get("/leads", dependencies=[Depends(bearer)])  # finding
            def leads() -> list:
                return ["ada"]
            """
        ),
        Bad(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI
            from fastapi.security import OAuth2PasswordBearer

            app = FastAPI()
            token = OAuth2PasswordBearer("login", auto_error=False)


            @app.delete("/leads")  # finding
            def clear(given: Annotated[str, Depends(token)]) -> str:
                return "cleared"
            """
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI, HTTPException
            from fastapi.security import APIKeyHeader, HTTPBearer

            app = FastAPI()
            bearer = HTTPBearer(auto_error=False)
            key = APIKeyHeader(name="x-key", auto_error=False)
            strict = HTTPBearer()


            def user(given=Depends(bearer)) -> str:
                if given is None:
                    raise HTTPException(401)
                return given.credentials


            def either(given=Depends(key), other=Depends(bearer)) -> str:
                return authenticate(given, other)


            def authenticate(*given) -> str:
                if not any(given):
                    raise HTTPException(401)
                return "someone"


            @app.get("/leads")
            def leads(who: Annotated[str, Depends(user)]) -> str:
                return who


            @app.get("/me")
            def me(given: Annotated[str | None, Depends(key)] = None) -> str:
                return given or "nobody"


            @app.get("/all", dependencies=[Depends(strict), Depends(bearer)])
            def everything(who: str = Depends(either)) -> str:
                return who
            """
        ),
    ],
)


@rule.check
def unchecked(route: Route) -> Iterator[Finding]:
    if route.kind != "http" or route.function is None:
        return
    lenient = [d for d in route.direct_dependencies if is_lenient(d)]
    others = [d for d in route.dependencies if not is_lenient(d) and route.source.authenticates(d)]
    if not lenient or others or any(is_used(d, route.function) for d in lenient):
        return
    yield route.finding(
        f"`{route.operation}` asks for credentials with `auto_error=False` and nobody looks whether any were sent: everybody gets "
        "in. Drop `auto_error=False`, or refuse `None`."
    )


def is_lenient(dependency: Dependency) -> bool:
    given = dependency.provider
    argument = getattr(given, "argument", None)
    found = argument("auto_error") if dependency.is_security and argument is not None else None
    return getattr(found, "value", None) is False


def is_used(dependency: Dependency, function: Function) -> bool:
    """Whether the handler does anything with the value; a parameter alone is no check."""
    name = dependency.parameter
    return name is not None and any(e.text == name for e in function.expressions_of("name"))


@rule.proof
def nobody_is_refused(bad: Served) -> None:
    """Without credentials the route answers."""
    assert bad.get("/leads").json() == ["ada"]
