"""Nothing tells an orchestrator whether the service is well

A load balancer, Kubernetes or Compose learns that a process hangs or has lost its database only by asking. Without an
endpoint for that, it asks for some other path or merely whether the port is open: a deploy that cannot serve takes
traffic, and a hanging process keeps it.

## Use instead
Two routes: `/livez`, which only answers, and `/readyz`, which asks what the service needs, with a short timeout, and
answers 503 when it is missing.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import App, HealthAnswers, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=[
        "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
        "https://fastapi.tiangolo.com/deployment/concepts/",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()  # finding

            @app.get("/orders/{order_id}/status")
            def order_status(order_id: int) -> str:
                return "sent"

            @app.post("/health")
            def report_health(weight: int) -> int:
                return weight
            """
        ),
        Good(
            """
            from fastapi import APIRouter, FastAPI

            router = APIRouter(prefix="/internal")

            @router.get("/readyz")
            async def ready() -> str:
                return "ok"

            app = FastAPI()
            app.include_router(router)
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            probes = FastAPI()

            @probes.api_route("/ping", methods=["GET", "HEAD"])
            async def ping() -> str:
                return "ok"

            app = FastAPI()
            app.mount("/internal", probes)

            empty = FastAPI()
            """,
            live=False,  # what is mounted is not described
        ),
        Good(
            """
            from fastapi import APIRouter, FastAPI

            router = APIRouter(prefix="/api/v1")

            @router.get("/orders")
            def orders() -> list[str]:
                return []

            @router.get("/healthz", include_in_schema=False)
            async def health() -> str:
                return "ok"

            app = FastAPI()
            app.include_router(router)
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/monitoring/up")
            async def up() -> str:
                return "ok"
            """,
            decided=False,
        ),
    ],
)

NAMES = re.compile(
    r"[-_]*(\w*health\w*|health[-_]?checks?|livez?|liveness|liveliness|alive|readyz?|readiness|ping|status|up|heartbeat"
    r"|is[-_]?(alive|ready|up))",
    re.IGNORECASE,
)


@rule.check
def apps(app: App, project: Project) -> Iterator[Finding]:
    if app.is_mounted or not app.is_fastapi or not app.routes or _tells(app):
        return
    found = app.finding(
        "No route says whether the service is alive and ready. Add `/livez`, which only answers, and `/readyz`, which "
        "asks what the service needs and answers 503 when it is missing."
    )
    # A second application of a project is often no service: it takes a login on loopback, or shows metrics.
    is_whole = not any(a.unresolved for a in (app, *app.mounts)) and not app.handed_to
    is_main = not any(_tells(other) for other in project.source.apps if other is not app)
    yield found if is_whole and is_main else replace(found, confidence=Confidence.LOW)


@rule.check
def on_the_wire(health: HealthAnswers) -> Iterator[Finding | Refutation | Undecided]:
    if health.answers:
        first = health.serves_anybody or health.answers[0]
        seen = first.exchange.observation("the service tells its health here")
        yield Refutation(f"`{first.operation}` tells the health of the service.", observations=(seen,))
    elif not health.perhaps:
        yield Finding(
            "No operation, and none of the usual paths, says whether the service is alive and ready. Add `/livez`, which "
            "only answers, and `/readyz`, which asks what the service needs and answers 503 when it is missing.",
            # A path of the team's own choice, or one that only another port has, is not seen from here.
            confidence=Confidence.MEDIUM,
            observations=(
                health.missed[0].observation(f"none of {len(health.missed)} usual paths is there; the first of them"),
            ),
        )
    else:
        yield Undecided(f"`{health.perhaps[0]}` may be a health check by another name")


def _tells(app: App) -> bool:
    asked = [r.full_path for r in app.all_routes if "GET" in r.methods and "{" not in r.full_path]
    return any(NAMES.fullmatch(path.rstrip("/").rpartition("/")[2]) for path in asked)


@rule.proof
def no_usual_path_answers(bad: Served) -> None:
    usual = ("/health", "/healthz", "/livez", "/readyz", "/ping", "/status")
    assert {bad.get(path).status_code for path in usual} <= {404, 405}
