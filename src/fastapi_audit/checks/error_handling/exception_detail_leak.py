"""Text of an unforeseen exception sent to the client

`detail=str(error)` in a broad `except` answers with whatever went wrong inside: a failed insert gave
`UNIQUE constraint failed … [SQL: insert into users …] [parameters: ('a@x', '$2b$12$…')]`, password hash included.
Connection errors name hosts and users, file errors paths.

## Use instead
A sentence of your own, and `logger.exception(…)` for the details. Text of exceptions that you define for the client is
fine.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, ErrorAnswer, Expression, Handler, Statement
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    references=["https://owasp.org/www-project-api-security/"],
    cwe="CWE-209",
    examples=[
        Bad(
            """
            import sqlite3

            from fastapi import FastAPI, HTTPException

            app = FastAPI()

            @app.post("/users")
            def create(name: str) -> None:
                try:
                    sqlite3.connect(":memory:").execute("insert into users values (?)", (name,))
                except Exception as error:
                    raise HTTPException(500, detail=str(error))  # finding
            """
        ),
        Bad(
            """
            import traceback

            from fastapi import FastAPI
            from fastapi.responses import JSONResponse

            app = FastAPI()

            def work() -> None: ...

            @app.get("/json")
            def as_json():
                try:
                    work()
                except Exception as e:
                    return JSONResponse({"error": f"failed: {e}"}, status_code=500)  # finding

            @app.get("/trace")
            def trace():
                try:
                    work()
                except Exception:
                    return JSONResponse({"trace": traceback.format_exc()}, status_code=500)  # finding
            """,
            live=False,  # nothing in it breaks
        ),
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            def work() -> None: ...

            @app.get("/")
            def read():
                try:
                    work()
                except Exception as error:
                    return {"error": str(error)}  # finding
            """,
            live=False,  # nothing in it breaks
        ),
        Good(
            """
            import logging
            import sqlite3

            from fastapi import FastAPI, HTTPException

            logger = logging.getLogger(__name__)
            app = FastAPI()

            @app.post("/users")
            def create(name: str) -> None:
                try:
                    sqlite3.connect(":memory:").execute("insert into users values (?)", (name,))
                except sqlite3.Error as error:
                    logger.exception("no user was made")
                    raise HTTPException(500, detail="The user could not be saved.") from error

            @app.get("/files/{name}")
            def file(name: str) -> str:
                raise HTTPException(404, detail=f"No such file: {name}")
            """
        ),
        Good(
            """
            import logging

            from fastapi import FastAPI, HTTPException

            logger = logging.getLogger(__name__)

            class NoFunds(Exception): ...

            def pay() -> None: ...

            app = FastAPI()

            @app.post("/pay")
            def payment() -> None:
                try:
                    pay()
                except NoFunds as error:
                    raise HTTPException(402, detail=str(error)) from error
                except ValueError as error:
                    raise HTTPException(400, detail=str(error)) from error
                except Exception as error:
                    if isinstance(error, LookupError):
                        raise HTTPException(404, detail=str(error)) from error
                    logger.exception("payment failed: %s", error)
                    raise HTTPException(500, detail="the payment failed") from error
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from pydantic import BaseModel

            class Answer(BaseModel):
                count: int = 0

            def work() -> None: ...

            def worked() -> dict[str, str]:
                try:
                    work()
                except Exception as error:
                    return {"error": str(error)}
                return {}

            app = FastAPI()

            @app.get("/state")
            def state(outcome: dict[str, str] = Depends(worked)) -> bool:
                return "error" in outcome

            @app.get("/answer", response_model=Answer)
            def answer():
                try:
                    work()
                except Exception as error:
                    return {"error": str(error)}
                return {"count": 1}
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException, Request

            app = FastAPI()

            @app.post("/")
            async def read(request: Request) -> dict[str, str]:
                try:
                    data = await request.json()
                except Exception as error:
                    raise HTTPException(400, detail=f"no JSON: {error}") from error
                return data
            """
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException

            def work() -> None: ...

            app = FastAPI()

            @app.get("/")
            def read() -> dict[str, str]:
                try:
                    work()
                except Exception as error:
                    code = type(error).__name__
                    raise HTTPException(500, detail={"code": code}) from error
                return {}
            """,
            decided=False,
        ),
    ],
)

ANSWERS = {
    "fastapi.HTTPException": ("detail", 1),
    "starlette.exceptions.HTTPException": ("detail", 1),
    "starlette.responses.JSONResponse": ("content", 0),
    "starlette.responses.ORJSONResponse": ("content", 0),
    "starlette.responses.PlainTextResponse": ("content", 0),
    "fastapi.Response": ("content", 0),
}
PARSES = frozenset(
    {
        "fastapi.Request.json", "fastapi.Request.body", "fastapi.Request.form", "json.loads", "int", "float",
        "uuid.UUID", "datetime.datetime.fromisoformat", "datetime.date.fromisoformat", "base64.b64decode",
    }
)  # fmt: skip
PARSING = frozenset({"model_validate", "model_validate_json", "parse_obj", "parse_raw", "decode"})
INTERNAL = (
    "sqlalchemy.exc.",
    "asyncpg.",
    "psycopg",
    "sqlite3.",
    "redis.",
    "botocore.",
    "pymongo.",
)


@rule.check
def answered(handler: Handler) -> Iterator[Finding]:
    if not (handler.is_broad or any(t.startswith(INTERNAL) for t in handler.types)) or not _in_a_request(handler):
        return
    if _reads_the_request(handler):
        return
    for sent in (*_answers(handler), *_returned(handler)):
        if _leaks(sent, handler.variable) and not _narrowed(sent, handler.variable):
            yield sent.finding(
                f"The text of an unforeseen exception goes to the client ({', '.join(_short(t) for t in handler.types)}): "
                "it can hold SQL with its values, hosts and paths. Answer with a sentence of your own and log the rest.",
                operation=handler.function.reach.operation if handler.function and handler.function.reach else None,
            )


@rule.check
def on_the_wire(answer: ErrorAnswer) -> Iterator[Finding | Undecided]:
    if told := answer.tells_the_inside:
        exchange, what = told
        yield Finding(
            f"`{answer.operation}` answers an error with {what}, which is about the inside of the service. Answer with a "
            "sentence of your own and log the rest.",
            operation=answer.operation,
            observations=(exchange.observation(f"the client reads {what}"),),
        )
    elif not answer.errors and not answer.refusals:
        yield Undecided("nothing broke and nothing was refused")


def _in_a_request(handler: Handler) -> bool:
    function = handler.function
    reach = function.reach if function is not None else None
    return reach is not None and reach.context in {"route", "dependency", "middleware", "exception-handler"}


def _answers(handler: Handler) -> Iterator[Expression]:
    """The bodies of the answers that are made in it."""
    for call in handler.calls:
        where = ANSWERS.get(call.name or "")
        sent = call.argument(*where) if where is not None else None
        if sent is not None:
            yield sent


def _returned(handler: Handler) -> Iterator[Expression]:
    """The dicts that a route answers with as they are: no model leaves anything out. A probe's has a rule of its own."""
    reach = handler.function.reach if handler.function is not None else None
    route = reach.route if reach is not None and reach.before is None and reach.context == "route" else None
    if route is None or route.kind != "http" or route.probe or not _answers_as_it_is(route.response_model):
        return
    for statement in handler.walk():
        if statement.kind == "return" and statement.value is not None and statement.value.kind == "mapping":
            yield statement.value


def _answers_as_it_is(model: Expression | None) -> bool:
    """Whether no response model stands between what is returned and the client."""
    return model is None or model.text == "None" or model.text.lower().startswith("dict")


def _narrowed(sent: Expression, variable: str | None) -> bool:
    """`if isinstance(error, KnownError):` picks an exception whose text was written for the client."""
    return any(f"isinstance({variable}," in condition.text for condition in sent.conditions)


def _leaks(sent: Expression, variable: str | None) -> bool:
    for part in sent.walk():
        if isinstance(part, Call):
            if part.name in {"traceback.format_exc", "traceback.format_exception", "sys.exc_info"}:
                return True
            if part.name in {"str", "repr"} and variable and part.arguments and part.arguments[0].text == variable:
                return True
        if variable and any(p.text == variable for p in part.interpolated):
            return True
    return False


def _reads_the_request(handler: Handler) -> bool:
    """Whether the `try` only parses what the client sent: its error speaks of that."""
    around = Statement(next(iter(handler.ancestors)), handler.body)
    calls = [c for child in around.children for c in child.calls]
    return bool(calls) and all(c.name in PARSES or c.method in PARSING for c in calls)


def _short(name: str) -> str:
    return f"`{name.rpartition('.')[2]}`"


@rule.proof
def the_client_reads_the_inside(bad: Served) -> None:
    reply = bad.post("/users?name=ada")
    assert reply.status_code == 500
    assert "no such table: users" in reply.text
