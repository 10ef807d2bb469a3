"""Clients with keys that no metric tells apart

The service knows its clients by API keys and measures itself, but no metric has a label for the client. Which of them
causes the load or the errors cannot be told, and a quota cannot be watched.

## Use instead
A counter with a label for the tenant or the key's id: never the key itself, which would leak it to everybody who may
read the metrics.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import ExportedMetrics, Expression, Function, Project, Settings
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Severity, Undecided

KEYS = ("fastapi.security.APIKeyHeader", "fastapi.security.APIKeyQuery")
TOLD_APART = re.compile(
    r"tenant|client|customer|api_?key|key_?id|consumer|account|organi[sz]ation|\borg|team|user|principal"
)
KEY = re.compile(r"(key|token|secret)s?$", re.IGNORECASE)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    references=["https://prometheus.io/docs/practices/instrumentation/#use-labels"],
    unproven="nothing fails when clients are not told apart; the absence of a label is what the rule reports",
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import APIKeyHeader
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            key = APIKeyHeader(name="x-api-key")  # finding
            Instrumentator().instrument(app).expose(app)


            @app.get("/leads", dependencies=[Depends(key)])
            def leads() -> list:
                return []
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import APIKeyHeader
            from prometheus_client import Counter

            app = FastAPI()
            key = APIKeyHeader(name="x-api-key")
            REQUESTS = Counter("tenant_requests_total", "Requests", ["tenant"])


            @app.get("/leads", dependencies=[Depends(key)])
            def leads() -> list:
                return []
            """,
            decided=False,
        ),
        Good(
            {
                "main.py": """
                from fastapi import Depends, FastAPI
                from fastapi.security import APIKeyHeader
                from prometheus_client import Counter, make_asgi_app

                app = FastAPI()
                app.mount("/metrics", make_asgi_app())
                header = APIKeyHeader(name="x-api-key")
                REQUESTS = Counter("tenant_requests_total", "Requests", ["tenant"])


                def tenant(key: str = Depends(header)) -> None:
                    REQUESTS.labels("first").inc()


                @app.get("/leads", dependencies=[Depends(tenant)])
                def leads() -> list:
                    return []
                """,
                "headers.txt": """
                x-api-key: 0123456789abcdef
                """,
            }
        ),
        Good(
            """
            from secrets import compare_digest

            from fastapi import Depends, FastAPI, HTTPException
            from fastapi.security import APIKeyHeader
            from prometheus_fastapi_instrumentator import Instrumentator
            from pydantic_settings import BaseSettings


            class Settings(BaseSettings):
                api_key: str = ""


            settings = Settings()
            app = FastAPI()
            header = APIKeyHeader(name="x-api-key")
            Instrumentator().instrument(app)


            def allowed(key: str = Depends(header)) -> None:
                if not compare_digest(key, settings.api_key):
                    raise HTTPException(401)


            @app.get("/leads", dependencies=[Depends(allowed)])
            def leads() -> list:
                return []
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            bearer = HTTPBearer()
            Instrumentator().instrument(app).expose(app)


            @app.get("/leads", dependencies=[Depends(bearer)])
            def leads() -> list:
                return []
            """,
            decided=False,
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import APIKeyHeader
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            key = APIKeyHeader(name="x-api-key")  # finding
            Instrumentator().instrument(app)


            @app.get("/leads", dependencies=[Depends(key)])
            def leads(order: str = "name") -> list:
                return [2, 1] if order == "age" else [1, 2]
            """,
            live=False,
        ),
    ],
)


@rule.check
def alike(project: Project) -> Iterator[Finding]:
    source = project.source
    if not source.exports_metrics or any(TOLD_APART.search(m.words) for m in source.metrics):
        return
    if any(is_configured(e) for f in source.functions for e in compared(f)):
        return
    for scheme in source.resources:
        if scheme.is_a(*KEYS):
            yield scheme.finding(
                "Clients have API keys, but no metric tells them apart: who causes load or errors is unknown. Count requests by "
                "tenant or key id, never by the key."
            )
            return


@rule.check
def on_the_wire(metrics: ExportedMetrics) -> Iterator[Finding | Refutation | Undecided]:
    if metrics.scrape is None:
        yield Undecided(metrics.unreadable)
        return
    seen = metrics.scrape.observation("what Prometheus reads after requests of one client")
    if figure := metrics.figure("requests_by_client"):
        yield Refutation(f"`{figure.source}` tells clients apart.", observations=(seen,))
    elif metrics.api_keys and metrics.sent:
        # All clients may have the same key, which only the source tells; and a refused request belongs to nobody.
        yield Finding(
            "Clients have API keys, but no exported counter tells them apart. Count requests by tenant or key id, never by the key.",
            confidence=Confidence.LOW,
            observations=(seen,),
        )
    else:
        yield Undecided("the description names no API keys" if metrics.sent else "there was no load")


def is_configured(known: Expression) -> bool:
    """Whether it is one key of the settings or the environment: the same for all clients, so nothing tells them apart."""
    if not KEY.search(known.written or ""):
        return False
    if known.is_default or (isinstance(known.constant, str) and known.constant):
        return known.kind != "constant"
    return known.kind == "attribute" and any(isinstance(e.defined_class, Settings) for e in known.walk())


def compared(function: Function) -> Iterator[Expression]:
    """What a function compares."""
    for expression in function.expressions:
        if expression.operator in {"==", "!="}:
            yield from expression.operands
    for call in function.calls:
        if call.method == "compare_digest":
            given = (call.argument(name, position) for position, name in enumerate("ab"))
            yield from (a for a in given if a is not None)
