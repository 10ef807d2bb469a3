"""Default rate limits do not reach included routers

Since FastAPI 0.137 `include_router` no longer copies routes to the application. slowapi, up to 0.1.10, looks for the
handler among the application's own routes, does not find it and lets the request through: with a default of two,
a route on the application answered 200, 200, 429, 429, the same route on an included router 200 four times.

## Use instead
`@limiter.limit(…)` on each route of a router, which works; or another limiter; or a limit at the gateway.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import App, Project, Resource, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-770",
    applies_to="fastapi>=0.137",
    references=["https://github.com/laurentS/slowapi/issues/281"],
    examples=[
        Bad(
            """
            from fastapi import APIRouter, FastAPI
            from slowapi import Limiter
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])  # finding
            router = APIRouter()

            @router.get("/leads")
            def leads() -> str:
                return "ok"

            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIMiddleware)
            app.include_router(router)
            """
        ),
        Good(
            """
            from fastapi import APIRouter, FastAPI, Request
            from slowapi import Limiter
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])
            router = APIRouter()

            @router.get("/leads")
            @limiter.limit("3/minute")
            def leads(request: Request) -> str:
                return "ok"

            @router.get("/health")
            @limiter.exempt
            def health(request: Request) -> str:
                return "ok"

            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIMiddleware)
            app.include_router(router)

            @app.get("/direct")
            def direct() -> str:
                return "ok"
            """
        ),
    ],
)

MIDDLEWARE = ("slowapi.middleware.SlowAPIMiddleware", "slowapi.middleware.SlowAPIASGIMiddleware")


@rule.check
def limiters(resource: Resource, project: Project) -> Iterator[Finding]:
    if not resource.is_a("slowapi.Limiter") or resource.constant("default_limits") in (None, []):
        return
    missed = [r for a in project.source.apps if _has_middleware(a) for r in a.routes if _is_missed(r, a)]
    if not missed:
        return
    more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
    found = resource.finding(
        f"The default limits do not reach routes of included routers: `{missed[0].operation}`{more} can be called "
        "without end. Put `@limiter.limit(…)` on them."
    )
    yield found if "fastapi" in project.versions else replace(found, confidence=Confidence.MEDIUM)


def _has_middleware(app: App) -> bool:
    return any(m.is_a(*MIDDLEWARE) for m in app.middleware)


def _is_missed(route: Route, app: App) -> bool:
    if route.kind != "http" or route.router is None or route.router is app.instance or route.function is None:
        return False
    return not any((d.name or "").startswith("slowapi.") or "limit" in d.text for d in route.function.decorators)


@rule.proof(needs=("slowapi",))
def nothing_is_limited(bad: Served) -> None:
    assert [bad.get("/leads").status_code for _ in range(4)] == [200, 200, 200, 200]
