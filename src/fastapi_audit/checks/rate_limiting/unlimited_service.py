"""Nothing limits how often the service may be called

No route has a rate limit, no middleware sets one, and no proxy configuration in the project does. One client, by
malice or by a loop in a script, can try passwords, fill the database and take all workers for itself.

## Use instead
slowapi or fastapi-limiter with a shared store such as Redis, or a limit at the gateway (nginx `limit_req`, an ingress
annotation). If a gateway outside this repository limits the rate, say so: `# fastapi-audit: ignore[unlimited-service]`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import App, Bursts, Project, Route, limits_of, limits_of_app
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe="CWE-770",
    references=["https://owasp.org/API-Security/editions/2023/en/0xa4-unrestricted-resource-consumption/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()  # finding

            @app.post("/login")
            def login(name: str) -> str:
                return name

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
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.post("/login")
            @limiter.limit("5/minute")
            def login(request: Request, name: str) -> str:
                return name

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
            from fastapi import Depends, FastAPI
            from fastapi_limiter.depends import RateLimiter

            app = FastAPI(dependencies=[Depends(RateLimiter(times=5, seconds=60))])

            @app.post("/login")
            def login(name: str) -> str:
                return name

            @app.get("/people")
            def people() -> list[str]:
                return ["ada"]

            @app.get("/orders")
            def orders() -> list[str]:
                return ["tea"]
            """,
            live=False,
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()

                @app.post("/login")
                def login(name: str) -> str:
                    return name

                @app.get("/people")
                def people() -> list[str]:
                    return ["ada"]

                @app.get("/orders")
                def orders() -> list[str]:
                    return ["tea"]
                """,
                "deploy/nginx.conf": """
                http {
                    limit_req_zone $binary_remote_addr zone=address:10m rate=20r/s;
                    server {
                        location / {
                            limit_req zone=address burst=40;
                            proxy_pass http://api:8000;
                        }
                    }
                }
                """,
            },
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/health")
            def health() -> str:
                return "ok"
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from starlette.responses import PlainTextResponse

            class RateLimit:
                served = 0

                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    self.served += 1
                    if self.served <= 150 or scope["type"] != "http":
                        await self.app(scope, receive, send)
                    else:
                        await PlainTextResponse("", 429)(scope, receive, send)

            app = FastAPI()
            app.add_middleware(RateLimit)

            @app.post("/login")
            def login(name: str) -> str:
                return name

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
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/people")
            def people() -> list[str]:
                return ["ada"]
            """
        ),
    ],
)

FEW = frozenset({"/health", "/healthz", "/ready", "/readyz", "/live", "/livez", "/metrics", "/ping", "/"})

ENTRANCE = re.compile(r"/(?:log-?in|sign-?in|token|register|sign-?up|password|forgot)[\w-]*/?$", re.IGNORECASE)
"""Where anybody may try a password or make an account."""

FEWEST = 3
"""Routes; what has fewer is a helper, such as a status page or a login callback."""


@rule.check
def applications(app: App, project: Project) -> Iterator[Finding]:
    routes = [r for r in app.all_routes if r.kind != "mount" and r.full_path not in FEW]
    if app.is_mounted or not app.is_fastapi or len(routes) < FEWEST:
        return
    if any(True for r in routes for _ in limits_of(r)) or any(True for _ in limits_of_app(app)):
        return
    if project.source.calls_anywhere("slowapi.Limiter") or project.gateway_limit is not None:
        return
    found = app.finding(
        f"Nothing limits how often the {len(routes)} routes of `{app.name}` may be called: no decorator, dependency or "
        "middleware, and no proxy in this project. Set a limit in the service or at the gateway."
    )
    yield found if _is_open(app, routes) else replace(found, confidence=Confidence.LOW)


def _is_open(app: App, routes: list[Route]) -> bool:
    """Whether strangers are let in to sign in; what only machines call may well rely on the gateway."""
    refused = any(not {401, 403}.isdisjoint(m.refusals) for m in app.middleware)
    return not refused and any(r.is_mutating and not r.auth and ENTRANCE.search(r.full_path) for r in routes)


@rule.check
def on_the_wire(bursts: Bursts) -> Iterator[Finding | Refutation | Undecided]:
    limited = next((exchange for each in bursts.tried if (exchange := each.limited)), None)
    if limited is not None:
        seen = f"a limit is told after a burst: {limited.status}"
        yield Refutation(
            "The running service limits how often it may be called.", observations=(limited.observation(seen),)
        )
    elif all(each.unlimited for each in bursts.tried) and bursts.operations >= FEWEST:
        yield Finding(
            "Nobody stops a client that calls the service again and again: neither the service nor anything before it. Set a "
            "limit in the service or at the gateway.",
            observations=tuple(each.answers[-1].observation(each.told) for each in bursts.tried),
        )
    elif not all(each.unlimited for each in bursts.tried):
        yield Undecided("the answers to a burst differ, and none names a limit")


@rule.proof
def thirty_tries_in_a_row_are_served(bad: Served) -> None:
    assert {bad.post("/login?name=ada").status_code for _ in range(30)} == {200}
