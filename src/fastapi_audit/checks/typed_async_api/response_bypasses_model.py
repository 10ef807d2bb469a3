"""Response object that passes the model by

A handler with a response model that returns a `JSONResponse` sends exactly that: nothing is validated, nothing is
filtered out. The model is only documentation then, and may say something else than what is sent.

## Use instead
Return the data; set headers and status on a `response: Response` parameter or with `status_code=`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

RESPONSES = (
    "starlette.responses.JSONResponse",
    "starlette.responses.ORJSONResponse",
    "starlette.responses.UJSONResponse",
)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/advanced/response-directly/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel


            class Lead(BaseModel):
                name: str


            app = FastAPI()


            @app.get("/lead")
            def lead() -> Lead:
                return JSONResponse({"name": "ada", "password": "secret"})  # finding
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel


            class Lead(BaseModel):
                name: str


            app = FastAPI()


            @app.get("/lead", response_model=Lead)
            def lead(number: int):
                if number > 10:
                    return JSONResponse({"detail": "not found"}, status_code=404)
                return {"name": "ada", "password": "secret"}


            @app.get("/raw")
            def raw() -> JSONResponse:
                return JSONResponse({"name": "ada"})


            @app.get("/free", response_model=None)
            def free():
                return JSONResponse({"name": "ada"})


            @app.get("/none")
            def none():
                return JSONResponse({"name": "ada"})
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse


            class Problem(JSONResponse):
                media_type = "application/problem+json"


            app = FastAPI()


            @app.get("/leads")
            def leads() -> Problem:
                return JSONResponse({"title": "moved"})
            """
        ),
    ],
)


@rule.check
def passed_by(route: Route) -> Iterator[Finding]:
    function, model = route.function, route.response_model
    if function is None or route.kind != "http" or model is None or model.defined_class is None:
        return
    if model.is_class("fastapi.Response", *RESPONSES):
        return
    for returned in function.returned_expressions:
        if isinstance(returned, Call) and returned.name in RESPONSES and is_success(returned):
            yield returned.finding(
                f"`{route.operation}` declares `{model.text}` and sends this as it is: nothing is validated or filtered. Return "
                "the data.",
                operation=route.operation,
            )


def is_success(response: Call) -> bool:
    status = response.argument("status_code", 1)
    if status is None:
        return not response.has_unknown_arguments
    return isinstance(status.constant, int) and status.constant < 300


@rule.proof
def nothing_is_filtered(bad: Served) -> None:
    """A field that the model does not have is in the answer."""
    assert bad.get("/lead").json() == {"name": "ada", "password": "secret"}
