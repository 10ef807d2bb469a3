"""Nothing measures the service

The service exports no metrics and no monitoring agent is attached. Latency, errors and saturation are then known only
from the complaints of users.

## Use instead
`prometheus-fastapi-instrumentator` with `Instrumentator().instrument(app).expose(app)`, OpenTelemetry, or the agent of
your monitoring service.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExportedMetrics, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Severity, Undecided

LIBRARIES = (
    "prometheus_client", "prometheus_fastapi_instrumentator", "starlette_exporter", "starlette_prometheus", "opentelemetry",
    "aioprometheus", "sentry_sdk", "ddtrace", "datadog", "newrelic", "elasticapm", "statsd", "aws_embedded_metrics",
    "logfire", "scout_apm", "appsignal", "honeycomb", "azure.monitor", "google.cloud.monitoring", "prometheus_async",
    "signalfx", "instana", "pyroscope", "highlight_io", "apitally", "rollbar",
)  # fmt: skip
DISTRIBUTIONS = (
    "opentelemetry-distro", "ddtrace", "newrelic", "elastic-apm", "instana", "logfire", "splunk-opentelemetry",
    "prometheus-client", "prometheus-fastapi-instrumentator", "starlette-exporter", "sentry-sdk",
)  # fmt: skip
AGENTS = ("opentelemetry-instrument", "ddtrace-run", "newrelic-admin", "splunk-py-trace", "elasticapm-run")
SWITCHES = ("FASTAPI_OTEL_AUTO_CONFIGURE", "AUTOWRAPT_BOOTSTRAP")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://prometheus.io/docs/practices/instrumentation/"],
    unproven="nothing fails when there are no metrics: the absence is what the rule reports",
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()  # finding


            @app.get("/")
            def root() -> str:
                return "hello"
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            Instrumentator().instrument(app).expose(app)


            @app.get("/")
            def root() -> str:
                return "hello"
            """
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                import telemetry

                app = FastAPI()
                telemetry.set_up()


                @app.get("/")
                def root() -> str:
                    return "hello"
                """,
                "telemetry.py": """
                def set_up() -> None:
                    from opentelemetry import metrics
                    from opentelemetry.sdk.metrics import MeterProvider

                    metrics.set_meter_provider(MeterProvider())
                """,
            },
            live=False,
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()


                @app.get("/")
                def root() -> str:
                    return "hello"
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                CMD ["ddtrace-run", "uvicorn", "main:app", "--host", "0.0.0.0"]
                """,
            },
            live=False,
        ),
    ],
)


@rule.check
def unmeasured(project: Project) -> Iterator[Finding]:
    apps = [a for a in project.source.apps if a.is_fastapi and not a.is_mounted and a.all_routes]
    if not apps or is_measured(project):
        return
    largest = max(apps, key=lambda a: len(a.all_routes))
    yield largest.finding(
        f"Nothing measures this service ({len(largest.all_routes)} routes): no metrics library is imported and no agent is "
        "attached. Export request duration, status and saturation."
    )


@rule.check
def on_the_wire(metrics: ExportedMetrics) -> Iterator[Finding | Refutation | Undecided]:
    if metrics.scrape:
        seen = metrics.scrape.observation("what Prometheus reads here")
        yield Refutation(f"`{metrics.scrape.path}` exports metrics.", observations=(seen,))
    elif nothing := metrics.absent:
        # They may be pushed, or stand on a port of their own: alone it is a guess, beside the source it is none.
        yield Finding(
            f"Nothing is to be scraped at `{nothing.path}`. Export request duration, status and saturation.",
            confidence=Confidence.LOW,
            observations=(nothing.observation("there are no metrics here"),),
        )
    else:
        yield Undecided(metrics.unreadable)


def is_measured(project: Project) -> bool:
    modules = project.source.application_modules
    if any(module.imports_any(*LIBRARIES) for module in modules):
        return True
    if any(project.deployment.requirements.asks_for(name) for name in DISTRIBUTIONS):
        return True
    return any(
        any(w.startswith(AGENTS) for w in command.wrappers) or any(command.variable(name) for name in SWITCHES)
        for command in project.deployment.commands
    )
