"""GET route that needs a body

A Pydantic model as a parameter of a GET route is read from the body. Browsers, caches and most proxies send or keep no
body with GET, so the route answers 422 to nearly everybody.

## Use instead
`Annotated[Filters, Query()]` for parameters in the query, or POST.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Model, Parameter, Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/query-param-models/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel


            class Filters(BaseModel):
                limit: int = 10


            app = FastAPI()


            @app.get("/leads")
            def leads(filters: Filters) -> int:  # finding
                return filters.limit
            """
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI, Query
            from pydantic import BaseModel


            class Filters(BaseModel):
                limit: int = 10


            def filters_of(limit: int = 10) -> Filters:
                return Filters(limit=limit)


            app = FastAPI()


            @app.get("/leads")
            def leads(
                a: Annotated[Filters, Query()],
                b: Annotated[Filters, Depends()],
                c: Filters = Depends(filters_of),
                d: Filters = Depends(),
            ) -> int:
                return a.limit


            @app.get("/example")
            def example(filters: Filters) -> str:
                return "what a body may look like, for the documentation"


            @app.api_route("/both", methods=["GET", "POST"])
            def both(filters: Filters) -> int:
                return filters.limit


            @app.post("/leads")
            def search(filters: Filters) -> int:
                return filters.limit
            """
        ),
    ],
)


@rule.check
def bodies(route: Route) -> Iterator[Finding]:
    if route.kind != "http" or route.function is None or not set(route.methods) <= {"GET", "HEAD"}:
        return
    for parameter in route.function.parameters:
        if takes_body(parameter) and route.function.reads(parameter.name):
            yield Finding(
                f"`{parameter.name}` of `{route.operation}` is read from the body, which clients and proxies do not send with GET. Take "
                "it from the query with `Query()`.",
                parameter.location,
                route.operation,
            )


def takes_body(parameter: Parameter) -> bool:
    annotation = parameter.annotation
    if (
        annotation is None
        or annotation.kind not in {"name", "attribute"}
        or parameter.is_dependency
        or parameter.default is not None
    ):
        return False
    return isinstance(annotation.defined_class, Model)


@rule.proof
def without_a_body_it_is_refused(bad: Served) -> None:
    """What a browser sends is answered 422."""
    assert bad.get("/leads?limit=5").status_code == 422
