"""Health check that waits for a free thread

FastAPI runs a plain `def` route in one of 40 threads. When slow requests hold them all, the health check waits behind
them (1.2 s against 1 ms), the probe runs into its timeout, and a service that is merely busy is restarted.

## Use instead
`async def`, for a check that only answers.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Route
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/async/#path-operation-functions"],
    examples=[
        Bad(
            """
            import time

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/health")
            def health() -> dict[str, str]:  # finding
                return {"status": "ok"}

            @app.get("/slow")
            def slow() -> None:
                time.sleep(3)
            """,
            fixed="""
            import time

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/health")
            async def health() -> dict[str, str]:
                return {"status": "ok"}

            @app.get("/slow")
            def slow() -> None:
                time.sleep(3)
            """,
        ),
        Good(
            """
            import sqlite3

            from fastapi import Depends, FastAPI
            from fastapi.responses import JSONResponse
            from pydantic import BaseModel

            app = FastAPI()

            class Health(BaseModel):
                status: str

            def get_database() -> sqlite3.Connection:
                return sqlite3.connect("leads.db")

            @app.get("/ready")
            def ready() -> Health:
                sqlite3.connect("leads.db").execute("select 1")
                return Health(status="ok")

            @app.get("/readyz")
            def readyz(database: sqlite3.Connection = Depends(get_database)) -> Health:
                return Health(status="ok")

            @app.get("/livez")
            async def livez() -> Health:
                return Health(status="ok")

            figures = FastAPI()

            @figures.get("/healthz")
            def alone() -> Health:
                return Health(status="ok")

            @figures.get("/figures")
            async def all_figures() -> dict[str, int]:
                return {}

            @app.get("/health")
            def moved() -> JSONResponse:
                return JSONResponse({"error": "it is /livez now"}, status_code=404)
            """
        ),
    ],
)

LOWEST_ERROR = 400
QUICK = frozenset({"debug", "info", "dict", "str", "int", "time.time", "datetime.datetime.now"})


@rule.check
def probes(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.probe is None or function.is_async or function.cls is not None:
        return
    if route.dependencies or function.parameters or function.callers or not _only_answers(function):
        return
    if not any(_waits_too(r) for r in route.app.root.all_routes):
        return
    edit = function.as_async()
    yield function.finding(
        f"`{route.path}` waits for one of 40 threads, which slow requests may all hold: a busy service then counts as dead. "
        "It only answers; declare it with `async def`.",
        operation=route.operation,
        fix=None if edit is None else Fix("Declare it with async def", (edit,), safe=True),
    )


def _waits_too(route: Route) -> bool:
    """Whether another route may hold a thread: its handler or a dependency is no coroutine, or not known."""
    if route.probe is not None:
        return False
    run = [route.function, *(d.function for d in route.dependencies)]
    return route.kind == "http" and any(f is None or not f.is_async for f in run)


def _only_answers(function: Function) -> bool:
    """Whether nothing in it can take long: it makes models and constants, and says so in the log."""
    known = all(_is_quick(c) for c in function.calls)
    return (
        known and not any(_refuses(c) for c in function.calls) and not function.statements_of("loop", "with", "import")
    )


def _refuses(call: Call) -> bool:
    """Whether it makes an error: what always answers one is no health check."""
    status = call.argument("status_code")
    return status is not None and isinstance(status.constant, int) and status.constant >= LOWEST_ERROR


def _is_quick(call: Call) -> bool:
    made = call.callee.defined_class
    if made is not None and call.callee.type_name is None:
        return call.target is None
    return call.name in QUICK or (call.name or "").startswith(
        ("logging.Logger.", "fastapi.responses.", "starlette.responses.")
    )


@rule.proof
def it_waits_for_the_slow_ones(bad: Served) -> None:
    *_, health = bad.together(*[("GET", "/slow")] * 40, ("GET", "/health"))
    assert health.seconds > 0.2
