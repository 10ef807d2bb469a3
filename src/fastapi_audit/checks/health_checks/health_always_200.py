"""Health check answers 200 when it has failed

An orchestrator reads the status code and nothing else. A check that catches the error and returns
`{"status": "unhealthy"}` answers 200: the broken instance keeps its traffic and nobody is called. `return {…}, 503` sends
200 as well, since FastAPI knows no such tuple: that is `flask-tuple-return`.

## Use instead
`raise HTTPException(503)`, return `JSONResponse(…, status_code=503)`, or set `response.status_code = 503`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Function, Handler, Model, Route, Statement
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    confidence=Confidence.MEDIUM,
    references=[
        "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
        "https://fastapi.tiangolo.com/advanced/response-change-status-code/",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            async def ask_database() -> None:
                raise ConnectionError("database is down")

            @app.get("/health")
            async def health():
                try:
                    await ask_database()
                    return {"status": "healthy"}
                except Exception:
                    return {"status": "unhealthy"}  # finding
            """
        ),
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            async def ask_database() -> None:
                raise ConnectionError("database is down")

            @app.get("/health")
            async def health() -> dict[str, str]:
                status = {"database": "up"}
                try:
                    await ask_database()
                except ConnectionError:
                    status["database"] = "down"  # finding
                return status
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            async def ask_database() -> None:
                raise ConnectionError("database is down")

            @app.get("/ready")
            async def ready():
                try:
                    await ask_database()
                except ConnectionError:
                    return {"status": "unhealthy"}, 503
                return {"status": "healthy"}
            """
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException, Response
            from fastapi.responses import JSONResponse

            app = FastAPI()

            async def ask_database() -> None:
                raise ConnectionError("database is down")

            @app.get("/health")
            async def health():
                try:
                    await ask_database()
                    return {"status": "healthy"}
                except Exception as error:
                    raise HTTPException(503) from error

            @app.get("/ready")
            async def ready():
                try:
                    await ask_database()
                except ConnectionError:
                    return JSONResponse({"status": "unhealthy"}, status_code=503)
                return {"status": "healthy"}

            @app.get("/api/health")
            async def api_health(response: Response):
                try:
                    await ask_database()
                except ConnectionError:
                    response.status_code = 503
                    return {"status": "unhealthy"}
                return {"status": "healthy"}
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Response

            app = FastAPI()

            async def ask_database() -> None:
                raise ConnectionError("database is down")

            @app.get("/healthz")
            async def health(response: Response) -> dict[str, str]:
                status = {"database": "up"}
                try:
                    await ask_database()
                except ConnectionError:
                    status["database"] = "down"
                if status["database"] == "down":
                    response.status_code = 503
                return status

            @app.get("/livez")
            async def live() -> dict[str, str]:
                try:
                    await ask_database()
                except ConnectionError:
                    return {"database": "down"}
                return {"database": "up"}

            @app.get("/users/status")
            async def status() -> dict[str, str]:
                try:
                    await ask_database()
                except ConnectionError:
                    return {"database": "down"}
                return {"database": "up"}
            """
        ),
    ],
)


@rule.check
def probes(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.probe not in {"health", "readiness"}:
        return
    for attempt in function.statements_of("try"):
        for handler in attempt.handlers:
            wrong = _answers_well(handler) or _only_notes(handler, function)
            if wrong is not None:
                yield wrong.finding(
                    f"`{route.path}` answers 200 although its check has failed: an orchestrator sees only the status. "
                    "Answer 503.",
                    operation=route.operation,
                )


def _answers_well(handler: Handler) -> Statement | None:
    """The `return` of a failed check that is sent with 200."""
    if handler.raises or any(_sets_status(s) for s in handler.walk()):
        return None
    returns = [s for s in handler.walk() if s.kind == "return"]
    return next((s for s in returns if s.value is not None and _is_plain(s.value)), None)


def _is_plain(value: Expression) -> bool:
    """Whether FastAPI sends it as JSON with the status of the route."""
    if value.kind in {"mapping", "constant"} or (value.kind == "collection" and not _names_status(value)):
        return True
    return isinstance(value, Call) and isinstance(value.defined_class, Model)


def _names_status(value: Expression) -> bool:
    """Whether it is `body, 503`: that is `flask-tuple-return`, which knows how to repair it."""
    status = value.elements[1:2] if not value.text.startswith("[") else []
    return any(isinstance(s.constant, int) or (s.name or "").startswith("fastapi.status.HTTP_") for s in status)


def _only_notes(handler: Handler, function: Function) -> Statement | None:
    """The assignment that notes a failure in a function that never answers with another status."""
    if handler.leaves or not handler.children or any(_may_fail(s) for s in function.statements):
        return None
    noted = [s for s in handler.children if s.kind == "assign" and s.value is not None]
    plain = all(_is_plain(v) or v.kind == "name" for v in function.returned_expressions)
    return noted[0] if noted and plain and function.returned_expressions else None


def _may_fail(statement: Statement) -> bool:
    responses = any(c.method.endswith("Response") or c.argument("status_code") for c in statement.calls)
    return statement.kind == "raise" or responses or _sets_status(statement)


def _sets_status(statement: Statement) -> bool:
    return any((t.written or "").endswith(".status_code") for t in statement.targets)


@rule.proof
def a_failed_check_answers_200(bad: Served) -> None:
    assert bad.get("/health").status_code == 200
