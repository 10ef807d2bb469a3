"""Route registered twice

The same method and path is registered more than once. The first registration answers, the second is dead code, and
nothing warns about it when the functions have different names.

## Use instead
Remove one of them, or give it a path of its own.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Step

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/path-params/#order-matters"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/total")
            def total() -> int:
                return 1


            @app.get("/total")  # finding
            def grand_total() -> int:
                return 2
            """
        ),
        Bad(
            """
            from fastapi import APIRouter, FastAPI

            items = APIRouter(prefix="/items")
            more = APIRouter()


            @items.api_route("/{number}", methods=["GET", "HEAD"])
            def item(number: int) -> int:
                return number


            @more.get("/items/{item_id}")  # finding
            def other(item_id: int) -> int:
                return item_id


            app = FastAPI()
            app.include_router(items)
            app.include_router(more)
            """
        ),
        Good(
            """
            import os

            from fastapi import APIRouter, FastAPI

            router = APIRouter()


            @router.get("/total")
            def total() -> int:
                return 1


            @router.post("/total")
            def add() -> int:
                return 2


            app = FastAPI()
            app.include_router(router, prefix="/v1")
            app.include_router(router, prefix="/v2")

            if os.environ.get("CACHED"):

                @app.get("/status")
                def cached() -> str:
                    return "cached"
            else:

                @app.get("/status")
                def fresh() -> str:
                    return "fresh"


            @app.get("/health")
            @app.get("/health", include_in_schema=False)
            def health() -> str:
                return "up"


            @app.get("/files/{number:int}")
            def numbered(number: int) -> int:
                return number


            @app.get("/files/{name}")
            def named(name: str) -> str:
                return name
            """
        ),
    ],
)


@rule.check
def repeated_routes(route: Route) -> Iterator[Finding]:
    alike = route.app.routes_by_template[route.template]
    first = next((r for r in alike if r.position < route.position and repeats(route, r)), None)
    if first is None:
        return
    yield route.finding(
        f"`{route.operation}` is registered already ({first.location.path}:{first.location.line}): the first one answers, "
        "this one never runs. Remove one of them.",
        trace=(Step(first.location, "answers"),),
    )


def repeats(route: Route, first: Route) -> bool:
    if first.kind == "mount" or first.location == route.location:
        return False
    if first.function is not None and route.function is not None and first.function.node is route.function.node:
        return False
    return set(first.conditions) <= set(route.conditions) and first.answers(route.methods)


@rule.proof
def the_first_one_answers(bad: Served) -> None:
    """The second handler's answer is never seen."""
    assert bad.get("/total").json() == 1
