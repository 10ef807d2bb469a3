"""Instrumentation after the application has started

`Instrumentator().instrument(app)` adds a middleware, which is refused once the application runs: in a lifespan or a
start-up handler it raises `RuntimeError: Cannot add middleware after an application has started`, and the service
does not come up.

## Use instead
`instrument(app)` where the application is made. `expose(app)` may stay in the lifespan.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Middleware
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

INSTRUMENT = "prometheus_fastapi_instrumentator.Instrumentator.instrument"

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://github.com/trallnag/prometheus-fastapi-instrumentator#readme"],
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                Instrumentator().instrument(app).expose(app)  # finding
                yield


            app = FastAPI(lifespan=lifespan)
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator


            @asynccontextmanager
            async def lifespan(app: FastAPI):
                instrumentator.expose(app)
                yield


            app = FastAPI(lifespan=lifespan)
            instrumentator = Instrumentator().instrument(app)
            """
        ),
    ],
)


@rule.check
def too_late(middleware: Middleware) -> Iterator[Finding]:
    if middleware.registration.method == INSTRUMENT and middleware.stage != "import":
        yield middleware.finding(
            "The application runs already when it is instrumented here, so start-up fails with `Cannot add middleware after an "
            "application has started`. Instrument it where it is made."
        )


@rule.proof(needs=("prometheus-fastapi-instrumentator",))
def the_service_does_not_start(bad: Served) -> None:
    """Start-up ends with the error."""
    assert not bad.started
    assert "Cannot add middleware after an application has started" in bad.log
