"""Handler parameter without a type

FastAPI converts and checks a parameter by its annotation. Without one the value arrives as it was sent, a string:
with `def f(limit=10)` the call `?limit=5` gives `"5"`. The OpenAPI document has no type for it either, and an
unannotated `request` becomes a required query parameter.

## Use instead
An annotation on every parameter: `limit: int = 10`, `request: Request`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function, Parameter
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/query-params/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/leads")
            def leads(limit=10) -> str:  # finding
                return type(limit).__name__


            @app.get("/request")
            def request_of(request) -> str:  # finding
                return "never"
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI

            app = FastAPI()


            def paging(page=1, size: int = 10) -> tuple:  # finding
                return page, size


            @app.get("/leads")
            def leads(page=Depends(paging)) -> list:
                return []
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, Depends, FastAPI, Request

            app = FastAPI()


            def helper(a, b=1) -> int:
                return b


            class Paging:
                def __init__(self, page: int = 1) -> None:
                    self.page = page


            def connection():
                return 1


            @app.middleware("http")
            async def measured(request, call_next):
                return await call_next(request)


            @app.get("/moved/{_:path}")
            def moved(_) -> str:
                return "gone"


            @app.exception_handler(ValueError)
            def failed(request, error):
                raise error


            @app.get("/leads")
            def leads(request: Request, tasks: BackgroundTasks, paging=Depends(Paging), c=Depends(connection), n: int = 1):
                return helper(1)
            """
        ),
    ],
)


@rule.check
def untyped(function: Function) -> Iterator[Finding]:
    ways = [w for w in function.ways if w.before is None and w.context in {"route", "dependency", "stream"}]
    if not ways or any(w.route is not None and w.route.kind != "http" for w in ways):
        return
    untyped = [p for p in function.parameters if is_untyped(p)]
    if not untyped:
        return
    names = ", ".join(f"`{p.name}`" for p in untyped)
    first = untyped[0].location
    of_path = {name for w in ways if w.route is not None for name in w.route.path_parameters}
    yield Finding(
        f"{names} of `{function.name}` {'has' if len(untyped) == 1 else 'have'} no type: FastAPI hands over what was sent, a "
        "string, and documents nothing. Annotate it.",
        first,
        ways[0].operation,
        # A part of the path is text anyway; only its documentation is missing.
        severity=Severity.LOW if all(p.name in of_path for p in untyped) else None,
    )


def is_untyped(parameter: Parameter) -> bool:
    if parameter.annotation is not None or parameter.kind not in {"positional", "keyword"} or parameter.is_dependency:
        return False
    receives_self = parameter.function.cls is not None and parameter is parameter.function.parameters[0]
    if receives_self or parameter.name in {"self", "cls"} or parameter.name.startswith("_"):
        return False
    default = parameter.default
    return default is None or default.kind == "constant"


@rule.proof
def numbers_arrive_as_text(bad: Served) -> None:
    """A number is a string; an unannotated request is a query parameter."""
    assert bad.get("/leads?limit=5").json() == "str"
    assert bad.get("/request").status_code == 422
