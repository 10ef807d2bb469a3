"""Handler for pydantic's ValidationError

FastAPI raises `RequestValidationError` for a bad request, which is not a subclass of pydantic's `ValidationError`. A
handler for the latter never sees a request body. It fires only when your own code builds a model from bad data, a row
or another service's answer, and so turns a bug of the server into "422, the client's fault".

## Use instead
`@app.exception_handler(RequestValidationError)` from `fastapi.exceptions`; let pydantic's error be the 500 that it is.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExceptionHandler
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/handling-errors/#override-request-validation-exceptions"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel, ValidationError

            class Lead(BaseModel):
                email: str

            app = FastAPI()

            @app.exception_handler(ValidationError)  # finding
            async def invalid(request: Request, error: ValidationError) -> JSONResponse:
                return JSONResponse({"custom": True}, 422)

            @app.post("/leads")
            async def create(lead: Lead) -> str:
                return lead.email

            @app.get("/leads")
            async def read() -> str:
                return Lead.model_validate({}).email
            """
        ),
        Bad(
            """
            import pydantic
            from fastapi import FastAPI

            async def invalid(request, error): ...

            app = FastAPI()
            app.add_exception_handler(pydantic.ValidationError, invalid)  # finding
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.exceptions import RequestValidationError
            from pydantic import ValidationError

            app = FastAPI()

            @app.exception_handler(RequestValidationError)
            async def invalid(request, error): ...

            @app.exception_handler(ValidationError)
            async def bug(request, error): ...
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            class ValidationError(Exception): ...

            app = FastAPI()

            @app.exception_handler(ValidationError)
            async def invalid(request, error): ...
            """
        ),
    ],
)

WRONG = ("pydantic.ValidationError", "pydantic_core.ValidationError", "pydantic_core._pydantic_core.ValidationError")


@rule.check
def never_sees_a_request(handler: ExceptionHandler) -> Iterator[Finding]:
    if handler.exception_name not in WRONG:
        return
    others = {h.exception_name for h in handler.app.exception_handlers}
    if "fastapi.exceptions.RequestValidationError" in others:
        return
    yield handler.finding(
        "This handler is for pydantic's `ValidationError`, which request validation never raises: bad requests get the "
        "default 422, and bugs of the server are reported as the client's. Register `RequestValidationError`."
    )


@rule.proof
def requests_pass_it_by(bad: Served) -> None:
    assert "custom" not in bad.post("/leads", json={}).text
    server_bug = bad.get("/leads")
    assert server_bug.status_code == 422
    assert "custom" in server_bug.text
