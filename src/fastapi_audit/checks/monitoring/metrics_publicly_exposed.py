"""Metrics open to everybody

`/metrics` stands on the public application without a guard. It tells every caller which routes there are, how often
they fail and what the service is busy with; `expose(app)` also puts it into `/openapi.json`.

## Use instead
A guard on the route, a port of its own (`start_http_server`), or `location /metrics { deny all; }` in the proxy.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import MetricsAnswer, Project, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity

PATH = re.compile(r"/metrics/?$")
PROXY = re.compile(r"\.(conf|nginx|template|j2)$|nginx|Caddyfile|traefik|haproxy")
OPERATIONAL = re.compile(r"metrics|health|live|ready|ping|status", re.IGNORECASE)
REFUSED = re.compile(r"/metrics")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe="CWE-200",
    references=["https://prometheus.io/docs/operating/security/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            Instrumentator().instrument(app).expose(app)  # finding


            @app.get("/leads")
            def leads() -> list:
                return []
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Response
            from prometheus_client import generate_latest, make_asgi_app

            app = FastAPI()
            app.mount("/metrics", make_asgi_app())  # finding


            @app.get("/internal/metrics")  # finding
            def metrics() -> Response:
                return Response(generate_latest())


            @app.get("/leads")
            def leads() -> list:
                return []
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Response
            from fastapi.security import HTTPBearer
            from prometheus_client import generate_latest, start_http_server

            app = FastAPI()
            start_http_server(9100)


            @app.get("/metrics", dependencies=[Depends(HTTPBearer())])
            def metrics() -> Response:
                return Response(generate_latest())


            @app.get("/reports/metrics")
            def business_metrics() -> dict:
                return {"leads": 3}
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_client import make_asgi_app

            beside = FastAPI(title="Metrics, on a port of their own")
            beside.mount("/metrics", make_asgi_app())


            @beside.get("/health")
            def health() -> str:
                return "up"
            """,
            live=False,  # `app` is not the service
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from prometheus_fastapi_instrumentator import Instrumentator

                app = FastAPI()
                Instrumentator().instrument(app).expose(app)
                """,
                "nginx.conf": """
                server {
                    location /metrics { deny all; }
                    location / { proxy_pass http://api:8000; }
                }
                """,
            },
            live=False,  # nginx is part of it
        ),
        Good(
            """
            import base64

            from fastapi import FastAPI, Request
            from fastapi.responses import Response
            from prometheus_fastapi_instrumentator import Instrumentator
            from starlette.middleware.base import BaseHTTPMiddleware

            EXPECTED = "Basic " + base64.b64encode(b"prometheus:from-the-vault").decode()


            class BasicAuthMiddleware(BaseHTTPMiddleware):
                async def dispatch(self, request: Request, call_next) -> Response:
                    if request.headers.get("authorization") != EXPECTED:
                        return Response(status_code=401, headers={"www-authenticate": "Basic"})
                    return await call_next(request)


            app = FastAPI()
            app.add_middleware(BasicAuthMiddleware)
            Instrumentator().instrument(app).expose(app)
            """
        ),
    ],
)


@rule.check
def open_routes(route: Route, project: Project) -> Iterator[Finding]:
    yield from exposed(route, project)


@rule.check
def open_mounts(project: Project) -> Iterator[Finding]:
    for app in project.source.apps:
        for route in app.routes:
            if route.kind == "mount":
                yield from exposed(route, project)


@rule.check
def on_the_wire(answer: MetricsAnswer) -> Iterator[Finding | Refutation]:
    if answer.shown:
        yield Finding(
            f"`{answer.operation}` shows everybody which routes there are, how busy they are and how often they fail. Guard "
            "it, or keep it from the outside in the proxy.",
            operation=answer.operation,
            confidence=Confidence.LOW if answer.beside_the_proxy else Confidence.MEDIUM,
            observations=(answer.exchange.observation("somebody without credentials reads the metrics"),),
        )
    else:
        yield Refutation(
            f"`{answer.operation}` asks for credentials.",
            answer.operation,
            (answer.exchange.observation("somebody without credentials is refused"),),
        )


def exposed(route: Route, project: Project) -> Iterator[Finding]:
    if not PATH.search(route.full_path) or route.auth or not serves_metrics(route) or is_guarded(route, project):
        return
    if has_its_own_port(route):
        return
    yield route.finding(
        f"`{route.full_path}` answers everybody: traffic, errors and the list of routes are public. Guard it, or keep it from "
        "the outside in the proxy."
    )


def has_its_own_port(route: Route) -> bool:
    """An application that serves nothing but figures and health is started beside the public one, on a port of its own."""
    app = route.app
    return app.parent is None and all(OPERATIONAL.search(r.path) for r in app.routes)


def serves_metrics(route: Route) -> bool:
    if "prometheus" in route.endpoint or "starlette_exporter" in route.endpoint:
        return True
    function = route.function
    return function is not None and any("generate_latest" in (c.name or c.method) for c in function.calls)


def is_guarded(route: Route, project: Project) -> bool:
    if any("auth" in m.name.lower() for m in route.app.middleware):
        return True
    texts = (project.text(p) or "" for p in project.tree.paths if PROXY.search(p) and not p.endswith(".py"))
    return any(REFUSED.search(text) for text in texts)


@rule.proof(needs=("prometheus-fastapi-instrumentator",))
def everybody_may_read(bad: Served) -> None:
    """No credentials are asked for, and the path is published."""
    assert bad.get("/metrics").status_code == 200
    assert '"/metrics"' in bad.get("/openapi.json").text
