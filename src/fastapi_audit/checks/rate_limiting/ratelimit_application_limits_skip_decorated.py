"""Application limits of slowapi skip the routes with a limit of their own

`application_limits` reads like a budget for the whole service. The middleware that counts it leaves out every route
that has a `@limiter.limit(…)`: with two requests a minute for the application, a decorated route answered all four.

## Use instead
`@limiter.shared_limit("100/minute", scope="service")` on the decorated routes too, or one limit at the gateway.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import LimitedFunction, Project, Resource
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://slowapi.readthedocs.io/en/latest/api/#slowapi.extension.Limiter"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            # finding
            limiter = Limiter(key_func=get_remote_address, application_limits=["2/minute"])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIMiddleware)

            @app.get("/reports")
            @limiter.limit("100/minute")
            def reports(request: Request) -> str:
                return "ok"

            @app.get("/plain")
            def plain() -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, application_limits=["200/minute"])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIMiddleware)

            @app.get("/plain")
            def plain() -> str:
                return "ok"

            @app.get("/health")
            @limiter.exempt
            def health(request: Request) -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["200/minute"])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIMiddleware)

            @app.get("/reports")
            @limiter.limit("5/minute")
            def reports(request: Request) -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, application_limits=["100/minute"])
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("5/minute")
            def leads(request: Request) -> str:
                return "ok"
            """
        ),
    ],
)

MIDDLEWARE = ("slowapi.middleware.SlowAPIMiddleware", "slowapi.middleware.SlowAPIASGIMiddleware")


@rule.check
def limiters(resource: Resource, project: Project) -> Iterator[Finding]:
    if not resource.is_a("slowapi.Limiter") or resource.constant("application_limits") in (None, []):
        return
    # Without the middleware nothing is counted at all, which another rule reports.
    if not any(m.is_a(*MIDDLEWARE) for a in project.source.apps for m in a.middleware):
        return
    decorated = [f for f in project.subjects(LimitedFunction) if isinstance(f, LimitedFunction) and f.method == "limit"]
    if not decorated:
        return
    more = f" and {len(decorated) - 1} more" if len(decorated) > 1 else ""
    yield resource.finding(
        f"`application_limits` does not count the requests to `{decorated[0].function.name}`{more}: slowapi leaves out "
        "what has a `@limiter.limit(…)`. Put a `shared_limit` on these routes, or limit the service at the gateway."
    )


@rule.proof(needs=("slowapi",))
def the_decorated_route_is_not_counted(bad: Served) -> None:
    assert [bad.get("/reports").status_code for _ in range(4)] == [200, 200, 200, 200]
    assert [bad.get("/plain").status_code for _ in range(4)] == [200, 200, 429, 429]
