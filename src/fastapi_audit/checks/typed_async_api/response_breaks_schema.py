"""Answer breaks the schema that the service publishes

Clients generated from the OpenAPI document fail on this answer: a field is missing, or has another type than was promised.
FastAPI checks answers against `response_model` only when the handler returns data; a `Response` goes out as it is.

## Use instead
Return data and let `response_model` serialise it. Where a `Response` is needed, describe what it holds with `responses=`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExaminedOperation
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

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

            app = FastAPI()

            class Lead(BaseModel):
                id: int
                name: str

            @app.get("/lead", response_model=Lead)
            async def lead() -> JSONResponse:
                return JSONResponse({"id": 1})
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel

            app = FastAPI()

            class Lead(BaseModel):
                id: int
                name: str

            @app.get("/lead", response_model=Lead)
            async def lead() -> JSONResponse:
                return JSONResponse(Lead(id=1, name="Ada").model_dump())

            @app.get("/leads")
            async def leads() -> list[Lead]:
                return [Lead(id=1, name="Ada")]
            """
        ),
    ],
)


@rule.check
def breaks_its_schema(examined: ExaminedOperation) -> Iterator[Finding | Undecided]:
    if examined.broken_schema:
        yield Finding(
            f"`{examined.operation}` answers with something else than the service's description promises. Return data for "
            "`response_model` to serialise, or describe the answer as it is.",
            operation=examined.operation,
            observations=(examined.broken_schema,),
        )
    elif not examined.went_well:
        yield Undecided("no request went well")


@rule.proof
def a_promised_field_is_missing(bad: Served) -> None:
    assert "name" not in bad.get("/lead").json()  # type: ignore[operator]  # a JSON object
