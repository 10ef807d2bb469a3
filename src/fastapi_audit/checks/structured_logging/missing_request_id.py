"""No request id ties the log lines of one request together

Several requests are served at once, and their lines lie between each other. Without an id on each line and in the
response nobody can say which lines belong to the request that a customer complains about, nor follow it to the next
service.

## Use instead
`asgi_correlation_id.CorrelationIdMiddleware`, OpenTelemetry, or a small ASGI middleware that binds an id for the request
and answers it as `X-Request-ID`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import App, Project, RequestId
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://opentelemetry.io/docs/concepts/context-propagation/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()  # finding

            @app.get("/leads")
            def leads() -> list[str]:
                return ["ada"]

            @app.get("/people")
            def people() -> list[str]:
                return ["ada"]

            @app.get("/orders")
            def orders() -> list[str]:
                return ["tea"]
            """
        ),
        Good(
            """
            from asgi_correlation_id import CorrelationIdMiddleware
            from fastapi import FastAPI

            app = FastAPI()
            app.add_middleware(CorrelationIdMiddleware)

            @app.get("/leads")
            def leads() -> list[str]:
                return ["ada"]

            @app.get("/people")
            def people() -> list[str]:
                return ["ada"]

            @app.get("/orders")
            def orders() -> list[str]:
                return ["tea"]
            """
        ),
        Good(
            """
            import uuid

            import structlog
            from fastapi import FastAPI

            app = FastAPI()

            @app.middleware("http")
            async def bind(request, call_next):
                structlog.contextvars.bind_contextvars(request=str(uuid.uuid4()))
                return await call_next(request)

            @app.get("/leads")
            def leads() -> list[str]:
                return ["ada"]

            @app.get("/people")
            def people() -> list[str]:
                return ["ada"]

            @app.get("/orders")
            def orders() -> list[str]:
                return ["tea"]
            """,
            live=False,  # the id is in the log and not in the answer
        ),
        Good(
            """
            from fastapi import FastAPI
            from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

            app = FastAPI()
            FastAPIInstrumentor.instrument_app(app)

            @app.get("/leads")
            def leads() -> list[str]:
                return ["ada"]

            @app.get("/people")
            def people() -> list[str]:
                return ["ada"]

            @app.get("/orders")
            def orders() -> list[str]:
                return ["tea"]
            """,
            live=False,  # the id is in the log and not in the answer
        ),
    ],
    unproven="It is a policy: what is missing cannot be shown to fail, only to be missing.",
)

TRACING = (
    "opentelemetry", "ddtrace", "sentry_sdk", "newrelic", "elasticapm", "asgi_correlation_id", "starlette_context",
    "logfire", "aws_xray_sdk", "scout_apm", "openinference", "traceloop",
)  # fmt: skip
IDENTIFYING = re.compile(r"(?:request|correlation|trace)[-_]?id|x-request-id|traceparent|requestid", re.IGNORECASE)

FEWEST = 3
"""Routes; what has fewer is a helper, such as a status page or a login callback."""


@rule.check
def applications(app: App, project: Project) -> Iterator[Finding]:
    routes = [r for r in app.all_routes if r.kind == "http"]
    if (
        app.is_mounted
        or not app.is_fastapi
        or len(routes) < FEWEST
        or any(m.imports_any(*TRACING) for m in project.source.application_modules)
    ):
        return
    if any(IDENTIFYING.search(m.file.text) for m in project.source.application_modules):
        return
    binding = project.source.calls_to(
        "structlog.contextvars.bind_contextvars", "structlog.contextvars.bound_contextvars"
    )
    if not binding:
        yield app.finding(
            f"Nothing gives the requests of `{app.name}` an id: the log lines of one request cannot be told from those "
            "of another. Bind an id in a middleware and answer it as `X-Request-ID`."
        )


@rule.check
def on_the_wire(seen: RequestId) -> Iterator[Finding | Refutation]:
    if seen.header:
        told = seen.first.observation(f"`{seen.header}` names the request, another one in each answer")
        yield Refutation(f"Every answer names its request in `{seen.header}`.", observations=(told,))
    else:
        yield Finding(
            "No answer carries an id of its request: a customer who complains cannot name it, and the log lines of one "
            "request cannot be told from those of another. Bind an id in a middleware and answer it as `X-Request-ID`.",
            # The log may have one all the same.
            confidence=Confidence.LOW,
            observations=(seen.first.observation("nothing in the answer names the request"),),
        )
