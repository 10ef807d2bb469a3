"""Handler returns a tuple of body and status

In Flask `return body, 404` sets the status. FastAPI sends status 200 and a JSON list of both values, so clients and
monitoring take an error for a success.

## Use instead
`raise HTTPException(404, …)` for errors, `JSONResponse(body, status_code=…)` or `status_code=` of the route for others.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Expression, Module, Route
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

STATUSES = range(100, 600)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/handling-errors/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/leads/{number}")
            def lead(number: int):
                if number > 10:
                    return {"error": "not found"}, 404  # finding
                return {"number": number}
            """,
            fixed="""
            from fastapi.responses import JSONResponse
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/leads/{number}")
            def lead(number: int):
                if number > 10:
                    return JSONResponse({"error": "not found"}, status_code=404)
                return {"number": number}
            """,
        ),
        Bad(
            """
            from fastapi import APIRouter, FastAPI, status

            router = APIRouter()


            @router.post("/leads")
            async def create(name: str):
                return "created", status.HTTP_201_CREATED, {"Location": "/leads/1"}  # finding


            app = FastAPI()
            app.include_router(router)
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI

            app = FastAPI()


            def paging() -> tuple[str, int]:
                return "id", 100


            @app.get("/point")
            def point() -> tuple[str, int]:
                return "x", 404


            @app.get("/pair")
            def pair(page=Depends(paging)):
                def size():
                    return "size", 200

                return page[1], 200.5


            @app.get("/range")
            def bounds():
                return 100, 599


            @app.get("/named")
            def named(count: int):
                return {"count": count}, count
            """
        ),
    ],
)


@rule.check
def tuples(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.kind != "http" or route.response_model is not None:
        return
    for returned in function.returned_expressions:
        if not is_flask_answer(returned):
            continue
        yield returned.finding(
            f"`{route.operation}` answers 200 with a list of the body and `{returned.elements[1].text}`; FastAPI takes no status from a "
            "tuple. Raise `HTTPException` or return a `JSONResponse`.",
            fix=repaired(returned, function.module),
            operation=route.operation,
            # An orchestrator reads nothing but the status: the broken instance keeps its traffic.
            severity=Severity.CRITICAL if route.probe in {"health", "readiness"} else None,
        )


def is_flask_answer(returned: Expression) -> bool:
    elements = returned.elements
    if returned.kind != "collection" or returned.text.startswith("[") or len(elements) not in {2, 3}:
        return False
    status = elements[1].constant
    if elements[1].name is not None and (elements[1].name or "").startswith("fastapi.status.HTTP_"):
        return True
    is_status = isinstance(status, int) and not isinstance(status, bool) and status in STATUSES
    return is_status and not isinstance(elements[0].constant, int | float)


def repaired(returned: Expression, module: Module) -> Fix | None:
    body, status, *headers = returned.elements
    if headers:
        return None
    imported = module.import_edit("from fastapi.responses import JSONResponse")
    edit = returned.replace(f"JSONResponse({body.text}, status_code={status.text})")
    return Fix("Answer with the status", (edit,) if imported is None else (edit, imported))


@rule.proof
def errors_are_answered_with_200(bad: Served) -> None:
    """A missing lead is a success to every client."""
    reply = bad.get("/leads/11")
    assert (reply.status_code, reply.json()) == (200, [{"error": "not found"}, 404])
