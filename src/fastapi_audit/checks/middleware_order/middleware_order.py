"""Middleware in an order that loses answers

The middleware added last is the outermost. What answers a request itself, such as a check of the token, the host or the
rate, hides that answer from everything further inside. With CORS inside, the browser gets a 401 or 429 without CORS
headers, which the page cannot read, and a preflight, which carries no token, is refused altogether. With the log
inside, refused requests are in no log: three of four were missing in the measured stack.

## Use instead
From the outside in: request id and log, CORS, trusted host, rate limit and authentication, compression, routes. Write
the `add_middleware` calls in the reverse of that.
"""

from collections.abc import Iterator, Sequence

from fastapi_audit.evidence import ROLES, App, Middleware, Statement
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://starlette.dev/middleware/", "https://fastapi.tiangolo.com/tutorial/middleware/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from fastapi.middleware.cors import CORSMiddleware
            from fastapi.middleware.gzip import GZipMiddleware
            from fastapi.responses import JSONResponse
            from starlette.middleware.base import BaseHTTPMiddleware

            class Authentication(BaseHTTPMiddleware):
                async def dispatch(self, request: Request, call_next):
                    if "authorization" not in request.headers:
                        return JSONResponse({"detail": "sign in first"}, status_code=401)
                    return await call_next(request)

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"], allow_methods=["DELETE"])  # finding
            app.add_middleware(GZipMiddleware)
            app.add_middleware(Authentication)

            @app.delete("/account")
            def delete_account() -> str:
                return "deleted"
            """,
            fixed="""
            from fastapi import FastAPI, Request
            from fastapi.middleware.cors import CORSMiddleware
            from fastapi.middleware.gzip import GZipMiddleware
            from fastapi.responses import JSONResponse
            from starlette.middleware.base import BaseHTTPMiddleware

            class Authentication(BaseHTTPMiddleware):
                async def dispatch(self, request: Request, call_next):
                    if "authorization" not in request.headers:
                        return JSONResponse({"detail": "sign in first"}, status_code=401)
                    return await call_next(request)

            app = FastAPI()
            app.add_middleware(GZipMiddleware)
            app.add_middleware(Authentication)
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"], allow_methods=["DELETE"])

            @app.delete("/account")
            def delete_account() -> str:
                return "deleted"
            """,
        ),
        Bad(
            """
            from asgi_correlation_id import CorrelationIdMiddleware
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware
            from fastapi.middleware.trustedhost import TrustedHostMiddleware
            from slowapi.middleware import SlowAPIMiddleware

            class Tenant:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(CorrelationIdMiddleware)  # finding
            app.add_middleware(Tenant)
            app.add_middleware(SlowAPIMiddleware)
            app.add_middleware(TrustedHostMiddleware, allowed_hosts=["api.example.com"])
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.middleware.cors import CORSMiddleware
            from fastapi.middleware.gzip import GZipMiddleware
            from fastapi.middleware.trustedhost import TrustedHostMiddleware
            from fastapi.responses import JSONResponse

            app = FastAPI()

            @app.middleware("http")
            async def add_header(request: Request, call_next):
                response = await call_next(request)
                response.headers["x-powered-by"] = "tea"
                return response

            @app.middleware("http")
            async def authenticate(request: Request, call_next):
                if "authorization" not in request.headers:
                    return JSONResponse({"detail": "sign in first"}, status_code=401)
                return await call_next(request)

            app.add_middleware(TrustedHostMiddleware, allowed_hosts=["api.example.com"])
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])
            app.add_middleware(GZipMiddleware)

            @app.middleware("http")
            async def log_requests(request: Request, call_next):
                try:
                    return await call_next(request)
                except ValueError:
                    return JSONResponse({}, status_code=500)
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware
            from starlette.middleware import Middleware
            from starlette.middleware.trustedhost import TrustedHostMiddleware

            app = FastAPI(
                middleware=[
                    Middleware(CORSMiddleware, allow_origins=["https://app.example.com"]),
                    Middleware(TrustedHostMiddleware, allowed_hosts=["api.example.com"]),
                ]
            )
            """
        ),
    ],
)

REFUSING = frozenset({"host", "refusing"})
GUARDING = frozenset({401, 403, 429})


@rule.check
def stacks(app: App) -> Iterator[Finding]:
    stack = [m for m in app.middleware if m.stage == "import"]
    wrong = _hidden(stack, "cors") or _hidden(stack, "observing")
    if wrong is None:
        return
    hidden, by = wrong
    better = _better(stack)
    loses = "lack CORS headers: no page can read them, and one of a preflight blocks the request"
    yield hidden.finding(
        f"`{_name(hidden)}` is inside `{_name(by)}`, whose refusals {loses if hidden.role == 'cors' else 'it misses'}. "
        f"The stack, outermost first: {_listed(stack)}. As it should be: {_listed(better)}.",
        severity=None if hidden.role == "cors" and _guards(by) else Severity.MEDIUM,
        fix=_fix(stack, better),
    )


def _guards(middleware: Middleware) -> bool:
    """Whether it refuses who calls or how often, and not only a malformed request."""
    return middleware.role == "refusing" and (not middleware.functions or bool(middleware.refusals & GUARDING))


def _better(stack: Sequence[Middleware]) -> Sequence[Middleware]:
    """In the order of the roles; with what is not known left where it is."""
    if all(m.role != "other" for m in stack):
        return sorted(stack, key=lambda m: ROLES.index(m.role))
    first = next(i for i, m in enumerate(stack) if m.role in REFUSING)
    moved = [m for m in stack[first:] if m.role in {"observing", "cors"}]
    moved.sort(key=lambda m: ROLES.index(m.role))
    return [*stack[:first], *moved, *(m for m in stack[first:] if m not in moved)]


def _hidden(stack: Sequence[Middleware], role: str) -> tuple[Middleware, Middleware] | None:
    """The outermost middleware of a role, and what refuses requests before they come to it."""
    hidden = next((m for m in stack if m.role == role), None)
    if hidden is None:
        return None
    outside = [m for m in stack[: stack.index(hidden)] if m.role in REFUSING]
    worst = sorted(outside, key=lambda m: m.role != "refusing")
    return (hidden, worst[0]) if worst else None


def _name(middleware: Middleware) -> str:
    return middleware.name.rpartition(".")[2]


def _listed(stack: Sequence[Middleware]) -> str:
    return " → ".join([*(_name(m) for m in stack), "routes"])


def _fix(stack: Sequence[Middleware], better: Sequence[Middleware]) -> Fix | None:
    """Writes the calls in another order, when they stand together and all of them are known."""
    if any(m.role == "other" or m.condition or m.call.method != "add_middleware" for m in stack):
        return None
    written = [m.call.statement for m in reversed(stack)]
    if not _stand_together(written):
        return None
    wanted = [m.call.statement for m in reversed(better)]
    pairs = zip(written, wanted, strict=True)
    edits = tuple(old.replace(new.text) for old, new in pairs if old != new)
    return Fix(f"From the outside in: {_listed(better)}", edits)


def _stand_together(statements: Sequence[Statement]) -> bool:
    body = statements[0].body
    if any(s.body is not body or s.kind != "evaluate" for s in statements):
        return False
    between = [s for s in body.statements if statements[0].location <= s.location <= statements[-1].location]
    return between == list(statements)


@rule.proof
def a_preflight_is_refused(bad: Served) -> None:
    browser = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "DELETE"}
    preflight = bad.request("OPTIONS", "/account", headers=browser)
    assert preflight.status_code == 401
    assert "access-control-allow-origin" not in preflight.headers
