"""Clients with keys that no metric tells apart

The service knows its clients by API keys and measures itself, but no metric has a label for the client. Which of them
causes the load or the errors cannot be told, and a quota cannot be watched.

## Use instead
A counter with a label for the tenant or the key's id: never the key itself, which would leak it to everybody who may
read the metrics.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

KEYS = ("fastapi.security.APIKeyHeader", "fastapi.security.APIKeyQuery")
TOLD_APART = re.compile(
    r"tenant|client|customer|api_?key|key_?id|consumer|account|organi[sz]ation|\borg|team|user|principal"
)

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
            Instrumentator().instrument(app)


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
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            bearer = HTTPBearer()
            Instrumentator().instrument(app)


            @app.get("/leads", dependencies=[Depends(bearer)])
            def leads() -> list:
                return []
            """
        ),
    ],
)


@rule.check
def alike(project: Project) -> Iterator[Finding]:
    source = project.source
    if not source.exports_metrics or any(TOLD_APART.search(m.words) for m in source.metrics):
        return
    for scheme in source.resources:
        if scheme.is_a(*KEYS):
            yield scheme.finding(
                "clients have API keys, but no metric tells them apart: who causes load or errors is unknown. Count requests by "
                "tenant or key id, never by the key"
            )
            return
