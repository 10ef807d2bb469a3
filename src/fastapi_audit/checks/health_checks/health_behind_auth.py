"""Health check asks its caller to sign in

A dependency of the whole application or router guards the probe too. Load balancers and Kubernetes send no token: the
probe gets 401, and a healthy instance is taken out of the traffic or restarted for ever.

## Use instead
Put the probes into a router, or an application, of their own that asks for nothing and tells nothing but its status.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import HealthAnswers, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=["https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer

            app = FastAPI(dependencies=[Depends(HTTPBearer())])

            @app.get("/healthz")  # finding
            def health() -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import APIRouter, Depends, FastAPI
            from fastapi.security import HTTPBearer

            app = FastAPI()
            leads = APIRouter(prefix="/leads", dependencies=[Depends(HTTPBearer())])

            @leads.get("")
            def all_leads() -> list[str]:
                return ["ann"]

            @leads.get("/health")
            def lead_health() -> str:
                return "ok"

            @app.get("/healthz")
            def health() -> str:
                return "ok"

            app.include_router(leads)
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer

            app = FastAPI()

            @app.get("/health/details/health", dependencies=[Depends(HTTPBearer())])
            def details() -> str:
                return "ok"
            """,
            live=False,  # from outside nobody sees that the guard is its own
        ),
    ],
)

SHARED = frozenset({"app", "router", "include"})


@rule.check
def probes(route: Route) -> Iterator[Finding]:
    if route.probe is None or not route.auth:
        return
    guards = [d for d in route.declared if d.level in SHARED and d.name in route.auth]
    open_ones = [r for r in route.app.root.all_routes if r.probe is not None and not r.auth]
    if guards and not open_ones:
        yield route.finding(
            f"`{route.full_path}` is guarded by `{guards[0].name.rpartition('.')[2]}`, so a probe without credentials is "
            "refused and the instance counts as broken. Move it to a router without that dependency."
        )


@rule.check
def on_the_wire(health: HealthAnswers) -> Iterator[Finding | Refutation | Undecided]:
    for answer in health.answers:
        if answer.serves_anybody:
            yield Refutation(
                f"`{answer.operation}` answers without credentials.",
                answer.operation,
                (answer.exchange.observation("the health check answers somebody without credentials"),),
            )
        elif answer.refused and health.serves_anybody is None:
            yield Finding(
                f"`{answer.operation}` refuses whoever asks without credentials, and nothing else tells the health: a "
                "probe counts the instance as broken. Move it to a router that asks for nothing.",
                operation=answer.operation,
                confidence=Confidence.MEDIUM,
                observations=(answer.exchange.observation("the health check asks for credentials"),),
            )
    if not any(answer.serves_anybody or answer.refused for answer in health.answers):
        yield Undecided(health.untold or "no health check answers of the health")


@rule.proof
def the_probe_is_refused(bad: Served) -> None:
    assert bad.get("/healthz").status_code in (401, 403)
