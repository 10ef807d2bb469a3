"""Health check tells strangers what went wrong

Probes are open to everyone who reaches the service. The text of a database error names hosts, users and, with many
drivers, the whole connection string with its password.

## Use instead
Log the error; answer `{"database": "unavailable"}` and 503.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Expression, Function, Handler, HealthAnswers, Route, Statement
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-209",
    references=["https://cheatsheetseries.owasp.org/cheatsheets/Error_Handling_Cheat_Sheet.html"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, HTTPException

            app = FastAPI()

            async def ask_database() -> None:
                raise ConnectionError("postgresql://leads:s3cret@db is away")

            @app.get("/health")
            async def health() -> str:
                try:
                    await ask_database()
                except ConnectionError as error:
                    raise HTTPException(503, detail=f"database: {error}") from error  # finding
                return "ok"
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse

            app = FastAPI()

            async def ask_cache() -> None:
                raise ConnectionError("Error -2 connecting to redis://cache.internal:6379. Name or service not known.")

            @app.get("/readyz")
            async def ready() -> JSONResponse:
                try:
                    await ask_cache()
                except ConnectionError as error:
                    return JSONResponse({"cache": str(error)}, status_code=503)  # finding
                return JSONResponse({"cache": "up"})
            """
        ),
        Good(
            """
            import logging

            from fastapi import Depends, FastAPI, HTTPException
            from fastapi.security import HTTPBearer

            logger = logging.getLogger(__name__)
            app = FastAPI()

            async def ask_database() -> None:
                raise ConnectionError("postgresql://leads:s3cret@db is away")

            @app.get("/health")
            async def health() -> str:
                try:
                    await ask_database()
                except ConnectionError as error:
                    logger.warning("database: %s", error)
                    raise HTTPException(503, detail="database unavailable") from error
                return "ok"

            @app.get("/admin/health", dependencies=[Depends(HTTPBearer())])
            async def details() -> dict[str, str]:
                try:
                    await ask_database()
                except ConnectionError as error:
                    return {"database": str(error)}
                return {"database": "up"}
            """
        ),
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            def ask_the_database() -> None:
                raise OSError("connection to 10.0.0.7 as leads refused")

            @app.get("/health")
            def health() -> dict[str, str]:
                report = {"database": "ok"}
                try:
                    ask_the_database()
                except OSError as error:
                    report["database"] = str(error)  # finding
                return report
            """,
            live=False,  # which is not asked: it answers 200
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()
            failures = {}

            @app.get("/health")
            def health() -> str:
                try:
                    open("/data/leads").close()
                except OSError as error:
                    failures["data"] = str(error)
                    last = str(error)
                    print(last)
                    return "down"
                return "ok"
            """
        ),
    ],
)


@rule.check
def probes(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.probe is None or route.auth:
        return
    for handler in (h for t in function.statements_of("try") for h in t.handlers):
        told = next((s for s in handler.walk() if _tells(s, handler, function)), None)
        if told is not None:
            yield told.finding(
                f"`{route.path}` tells everyone the text of the error, which may hold hosts, users and passwords. Log it, "
                "and answer only that the check failed.",
                operation=route.operation,
            )


@rule.check
def on_the_wire(health: HealthAnswers) -> Iterator[Finding | Undecided]:
    for answer in health.answers:
        if answer.leak:
            yield Finding(
                f"`{answer.operation}` tells everyone {answer.leak}. Log it, and answer only whether the check failed.",
                operation=answer.operation,
                observations=(answer.exchange.observation(f"somebody without credentials reads {answer.leak}"),),
            )
    if not any(answer.exchange.answered for answer in health.answers):
        yield Undecided(health.untold)


def _tells(statement: Statement, handler: Handler, function: Function) -> bool:
    """Whether the text of the caught error goes into the answer."""
    value, error = statement.value, handler.variable
    if value is None or error is None or value.written == error or not _holds_text(value, error):
        return False
    if statement.kind in {"return", "raise"}:
        return True
    kept = [(t.text.partition("[")[0]) for t in statement.targets if "[" in t.text]
    return any(r.written == name for name in kept for r in function.returned_expressions)


def _holds_text(value: Expression, error: str) -> bool:
    """Whether it is made of the error's text, not only of its type."""
    for part in value.walk():
        if part.kind == "fstring" and any(p.written == error for p in part.interpolated):
            return True
    return any(
        c.callee.written in {"str", "repr"} and c.arguments[:1] and c.arguments[0].written == error for c in value.calls
    )


@rule.proof
def the_password_is_in_the_answer(bad: Served) -> None:
    assert "s3cret" in bad.get("/health").text
