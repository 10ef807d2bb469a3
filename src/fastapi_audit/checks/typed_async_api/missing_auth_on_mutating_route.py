"""Route that changes data for anyone

Other routes of the service ask who calls; this one changes data and does not. Anyone who reaches the port can call it:
measured, `DELETE` without a token answers 200 beside a guarded route that answers 401.

## Use instead
The same guard as its neighbours, best on the router: `APIRouter(dependencies=[Depends(current_user)])`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import App, Function, Project, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

PUBLIC = re.compile(
    r"log-?_?in|log-?_?out|sign-?_?(in|up|out)|token|register|registration|webhook|callback|hook|health|refresh|password|forgot|"
    r"reset|verify|verif|confirm|activate|oauth|sso|saml|auth|session|contact|subscribe|csp-report|feedback|search|query|graphql|"
    r"validate|check|ping|setup|install|onboarding|invite|mcp|rpc|preview|parse|render|convert|predict|/v1/(chat|completions|embeddings)",
    re.IGNORECASE,
)
"""Paths that are public on purpose, or that only read although they take a body."""

READS = re.compile(r"/(get|list|fetch|count|export|describe|is|has|compare|estimate)([_-][^/]*)?/?$")
"""Calls of an RPC-like API that read, although they are POST."""

GUARDS = re.compile(
    r"authoriz|authentic|api[-_]?key|signature|hmac|jwt|bearer|credential|current_user|permission|\btoken|secret",
    re.IGNORECASE,
)
MIDDLEWARE = re.compile(r"auth|session|token|jwt|keycloak|firebase|clerk|security|permission|access", re.IGNORECASE)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe="CWE-306",
    references=["https://fastapi.tiangolo.com/tutorial/security/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer

            app = FastAPI()
            bearer = HTTPBearer()


            @app.post("/leads", dependencies=[Depends(bearer)])
            def create() -> None:
                return None


            @app.delete("/leads/{number}")  # finding
            def delete(number: int) -> int:
                return number
            """
        ),
        Good(
            """
            import hmac

            from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
            from fastapi.responses import RedirectResponse
            from fastapi.security import HTTPBearer

            bearer = HTTPBearer()


            def tenant(request: Request) -> str:
                if "x-tenant" not in request.headers:
                    raise HTTPException(status_code=403)
                return request.headers["x-tenant"]


            guarded = APIRouter(dependencies=[Depends(bearer)])
            included = APIRouter()
            app = FastAPI()


            @guarded.delete("/leads/{number}")
            def delete(number: int) -> int:
                return number


            @included.post("/imports")
            def imports() -> None:
                return None


            @app.post("/leads/list")
            def listed() -> list:
                return []


            @app.post("/assistant")
            def assistant() -> dict:
                return {"answer": "not yet"}


            @app.post("/moved")
            def moved() -> RedirectResponse:
                return RedirectResponse("/leads", 308)


            @app.put("/leads/{number}")
            def change(number: int, who: str = Depends(tenant)) -> int:
                return number


            @app.post("/login")
            def login() -> str:
                return "token"


            @app.post("/payments")
            async def payments(request: Request) -> None:
                given = request.headers["x-signature"]
                if not hmac.compare_digest(given, hmac.digest(b"key", await request.body(), "sha256").hex()):
                    raise HTTPException(401)


            @app.get("/status")
            def status() -> str:
                return "up"


            app.include_router(guarded)
            app.include_router(included, dependencies=[Depends(bearer)])
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Request
            from fastapi.responses import JSONResponse
            from fastapi.security import HTTPBearer

            app = FastAPI()


            @app.middleware("http")
            async def only_known(request: Request, call_next):
                if "authorization" not in request.headers:
                    return JSONResponse({}, status_code=401)
                return await call_next(request)


            @app.post("/me", dependencies=[Depends(HTTPBearer())])
            def me() -> None:
                return None


            @app.delete("/leads/{number}")
            def delete(number: int) -> int:
                return number
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import HTTPBearer

            app = FastAPI()


            @app.get("/traces", dependencies=[Depends(HTTPBearer())])
            def traces() -> list:
                return []


            @app.post("/leads")
            def create(name: str) -> str:
                return name
            """
        ),
        Good(
            {
                "main.py": """
                from fastapi import Depends, FastAPI
                from fastapi.security import HTTPBearer

                app = FastAPI()


                @app.post("/leads", dependencies=[Depends(HTTPBearer())])
                def create() -> None:
                    return None
                """,
                "sidecar.py": """
                from fastapi import FastAPI

                app = FastAPI()


                @app.post("/routes/{name}")
                def route(name: str) -> str:
                    return name
                """,
            }
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI, Request
            from fastapi.security import HTTPBearer

            app = FastAPI()
            leads = FastAPI()
            app.mount("/leads", leads)
            bearer = HTTPBearer()


            @app.middleware("http")
            async def timed(request: Request, call_next):
                return await call_next(request)


            @leads.post("/", dependencies=[Depends(bearer)])
            def create(name: str) -> int:
                print("created", name)
                return 1


            @leads.delete("/{number}")  # finding
            def delete(number: int) -> int:
                print("deleted", number)
                return number
            """
        ),
    ],
)


@rule.check
def unguarded(route: Route, project: Project) -> Iterator[Finding]:
    if route.kind != "http" or not route.is_mutating or route.auth or PUBLIC.search(route.full_path):
        return
    function = route.function
    served = outermost(route.app)
    changing = [r for r in project.source.routes if r.is_mutating and outermost(r.app) is served]
    guarded = sum(bool(r.auth) for r in changing)
    if function is None or not guarded or guarded_by_middleware(route.app):
        return
    if only_redirects(function) or does_nothing(function) or READS.search(route.local_path):
        return
    functions = [function, *(d.function for d in route.dependencies)]
    if any(f is None for f in functions) or any(f is not None and asks_who_calls(f) for f in functions):
        return
    others = "1 other route that changes data does" if guarded == 1 else f"{guarded} other routes that change data do"
    finding = route.finding(
        f"`{route.operation}` changes data and asks nobody who they are, while {others}. "
        "Guard it, or say in a suppression why it is public."
    )
    # Where most routes ask nobody, the network may guard them.
    yield replace(finding, confidence=Confidence.LOW) if guarded < len(changing) - guarded else finding


def outermost(app: App) -> App:
    """The application that is served: another one of the project may listen where only the operator gets to."""
    while app.parent is not None:
        app = app.parent
    return app


def only_redirects(function: Function) -> bool:
    answers = function.returned_expressions
    return bool(answers) and all(a.is_a("starlette.responses.RedirectResponse") for a in answers)


def does_nothing(function: Function) -> bool:
    """Whether it calls nothing and always gives the same answer: a placeholder."""
    answers = function.returned_expressions
    return not function.calls and bool(answers) and all(a.constant is not ... for a in answers)


def asks_who_calls(function: Function) -> bool:
    return GUARDS.search(function.file.source(function.node)) is not None


def guarded_by_middleware(app: App) -> bool:
    current: App | None = app
    while current is not None:
        for middleware in current.middleware:
            if MIDDLEWARE.search(middleware.name) or any(asks_who_calls(f) for f in middleware.functions):
                return True
        current = current.parent
    return False


@rule.proof
def anyone_may_delete(bad: Served) -> None:
    """The guarded route refuses, this one does not."""
    assert bad.post("/leads").status_code in {401, 403}
    assert bad.request("DELETE", "/leads/3").status_code == 200
