"""Rejected request sent back whole, password included

The default answer to a request that fails validation repeats the input: `"input": "hunter2"`, and when another field is
missing, the whole body. `SecretStr` and `hide_input_in_errors` change nothing, as the answer is made of the raw input.
So passwords stand in every place that keeps answers: proxies, traces, error trackers, the browser's developer tools.

## Use instead
A handler for `RequestValidationError` that answers with `type`, `loc` and `msg` of each error, and without `input`,
`ctx` and `exc.body`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import SECRET_FIELD, App, Call, ExceptionHandler, Function, Model, RejectedSecret, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/handling-errors/#override-request-validation-exceptions"],
    cwe="CWE-532",
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel, SecretStr

            class Login(BaseModel):
                name: str
                password: SecretStr

            app = FastAPI()  # finding

            @app.post("/login")
            def login(login: Login) -> str:
                return login.name
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from fastapi.encoders import jsonable_encoder
            from fastapi.exceptions import RequestValidationError
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel

            class Login(BaseModel):
                name: str
                password: str

            app = FastAPI()

            @app.exception_handler(RequestValidationError)
            async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
                return JSONResponse({"errors": jsonable_encoder(error.errors())}, 422)  # finding

            @app.post("/login")
            def login(login: Login) -> str:
                return login.name
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.exceptions import RequestValidationError
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel

            class Login(BaseModel):
                name: str
                password: str

            def without_input(errors): ...

            app = FastAPI()

            @app.exception_handler(RequestValidationError)
            async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
                told = [{key: e[key] for key in ("type", "loc", "msg")} for e in error.errors()]
                return JSONResponse({"detail": told, "more": without_input(error.errors())}, status_code=422)

            @app.post("/login")
            def login(login: Login) -> str:
                return login.name
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel

            class Lead(BaseModel):
                email: str
                password_hint_shown: bool = False
                token_count: int = 0
                next_token: str = ""

            class Account(BaseModel):
                password: str

            app = FastAPI()

            @app.post("/leads")
            def create(lead: Lead) -> Account:
                return Account(password="x")
            """
        ),
        Good(
            """
            import logging

            from fastapi import FastAPI, Request
            from fastapi.exceptions import RequestValidationError
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel

            class Login(BaseModel):
                password: str

            app = FastAPI()

            @app.exception_handler(RequestValidationError)
            async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
                logging.info("%d errors", len(error.errors()))
                return JSONResponse({"detail": "the request is not valid"}, status_code=422)

            @app.post("/login")
            def login(login: Login) -> str:
                return ""
            """
        ),
    ],
)

VALIDATION = "fastapi.exceptions.RequestValidationError"
TEXTS = ("str", "pydantic.SecretStr", "pydantic.types.SecretStr")
RESPONSES = ("JSONResponse", "ORJSONResponse", "Response", "PlainTextResponse", "jsonable_encoder")


@rule.check
def default_answer(app: App) -> Iterator[Finding]:
    if not app.is_fastapi or any(h.exception_name == VALIDATION for h in app.exception_handlers):
        return
    secret = next((s for route in app.routes for s in _secrets(route)), None)
    if secret is not None:
        yield app.finding(
            f"A request that is not valid is sent back whole: `{secret[1]}` of `{secret[0].operation}` stands in the 422. "
            "Handle `RequestValidationError` and leave `input` out."
        )


@rule.check
def answer_with_all_of_it(handler: ExceptionHandler) -> Iterator[Finding]:
    function = handler.function
    if handler.exception_name != VALIDATION or function is None or len(function.parameters) < BOTH:
        return
    secret = next((s for route in handler.app.routes for s in _secrets(route)), None)
    sent = next(iter(_sent_whole(function)), None)
    if secret is not None and sent is not None:
        yield sent.finding(
            f"`{sent.text}` holds what the client sent: `{secret[1]}` of `{secret[0].operation}` stands in the answer. "
            "Answer with `type`, `loc` and `msg` alone."
        )


@rule.check
def on_the_wire(rejected: RejectedSecret) -> Iterator[Finding | Refutation]:
    told = f"`{rejected.operation}` refused a body whose `{rejected.name}` was of a wrong type"
    if rejected.comes_back:
        yield Finding(
            f"A request that is not valid is sent back whole: `{rejected.name}` of `{rejected.operation}` stands in the "
            "answer. Handle `RequestValidationError` and leave `input` out.",
            observations=(rejected.exchange.observation(f"{told}, and sent it back"),),
        )
    else:
        yield Refutation(
            "A request that is not valid is refused without what was sent.",
            observations=(rejected.exchange.observation(f"{told}, and did not send it back"),),
        )


BOTH = 2


def _secrets(route: Route) -> Iterator[tuple[Route, str]]:
    """The fields of a body that hold a secret in plain text."""
    function = route.function
    for parameter in function.parameters if function is not None and route.is_mutating else ():
        model = parameter.defined_class
        if not isinstance(model, Model) or parameter.is_dependency:
            continue
        for field in model.all_fields:
            typed = field.annotation is not None and any(e.name in TEXTS for e in field.annotation.walk())
            if typed and SECRET_FIELD.fullmatch(field.name):
                yield route, f"{model.name}.{field.name}"


def _sent_whole(function: Function) -> Iterator[Call]:
    """The `error.errors()` that goes into an answer as it is."""
    error = function.parameters[-1].name
    for call in function.calls:
        if call.callee.written == f"{error}.errors" and not call.iterated and _answers(call):
            yield call


def _answers(call: Call) -> bool:
    taker = call.passed_to
    if taker is not None and taker.method not in RESPONSES:
        return False  # it may leave the input out
    return any(c.method in RESPONSES and c != call and call in c.calls for c in call.statement.calls)


@rule.proof
def the_password_stands_in_the_answer(bad: Served) -> None:
    reply = bad.post("/login", json={"password": "hunter2"})
    assert reply.status_code == 422
    assert "hunter2" in reply.text
