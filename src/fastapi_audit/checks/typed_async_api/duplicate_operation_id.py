"""Operation id given twice

Two routes with one `operation_id` make an OpenAPI document with a duplicate, which generated clients turn into one
method: the other operation cannot be called. FastAPI only warns, and only when the document is made.

## Use instead
An id of its own for each route, or none: FastAPI derives unique ones.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/advanced/path-operation-advanced-configuration/#openapi-operationid"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/leads", operation_id="list")
            def leads() -> list:
                return []


            @app.get("/users", operation_id="list")  # finding
            def users() -> list:
                return []
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()
            admin = FastAPI()


            @app.get("/leads", operation_id="list")
            def leads() -> list:
                return []


            @app.get("/hidden", operation_id="list", include_in_schema=False)
            def hidden() -> list:
                return []


            @admin.get("/leads", operation_id="list")
            def admin_leads() -> list:
                return []


            app.mount("/admin", admin)
            """
        ),
    ],
)


@rule.check
def repeated_ids(route: Route) -> Iterator[Finding]:
    own = id_of(route)
    if own is None:
        return
    first = next((r for r in route.app.routes if r.position < route.position and id_of(r) == own), None)
    if first is not None:
        yield route.finding(
            f"`{own}` is the operation id of `{first.operation}` too ({first.location.path}:{first.location.line}): generated "
            "clients can call only one of them. Give each its own."
        )


def id_of(route: Route) -> str | None:
    written = route.written("operation_id") if route.kind == "http" and route.in_schema else None
    return written.constant if written is not None and isinstance(written.constant, str) else None


@rule.proof
def the_document_has_it_twice(bad: Served) -> None:
    """Both operations carry the same id, and a warning says so."""
    assert bad.get("/openapi.json").text.count('"operationId":"list"') == 2
