"""slowapi used without app.state.limiter

slowapi's own exception handler and its middleware look for `app.state.limiter`. Without it the request that should
get a 429 gets a 500, and with `SlowAPIMiddleware` every request does: `AttributeError: 'State' object has no attribute
'limiter'`.

## Use instead
`app.state.limiter = limiter`, right after the application is made.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Project
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://slowapi.readthedocs.io/en/latest/#quick-start"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter, _rate_limit_exceeded_handler
            from slowapi.errors import RateLimitExceeded
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            # finding
            app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)

            @app.get("/leads")
            @limiter.limit("2/minute")
            def leads(request: Request) -> str:
                return "ok"
            """,
            fixed="""
            from fastapi import FastAPI, Request
            from slowapi import Limiter, _rate_limit_exceeded_handler
            from slowapi.errors import RateLimitExceeded
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter
            app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)

            @app.get("/leads")
            @limiter.limit("2/minute")
            def leads(request: Request) -> str:
                return "ok"
            """,
        ),
        Good(
            """
            from fastapi import FastAPI
            from slowapi import Limiter, _rate_limit_exceeded_handler
            from slowapi.errors import RateLimitExceeded
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)

            def protect(application: FastAPI) -> None:
                application.state.limiter = limiter
                application.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
                application.add_middleware(SlowAPIMiddleware)

            app = FastAPI()
            protect(app)
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse
            from slowapi import Limiter
            from slowapi.errors import RateLimitExceeded
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()

            @app.exception_handler(RateLimitExceeded)
            async def too_many(request: Request, error: RateLimitExceeded) -> JSONResponse:
                return JSONResponse({"detail": "slow down"}, 429)
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI, Request
                from slowapi import _rate_limit_exceeded_handler
                from slowapi.errors import RateLimitExceeded

                from limits import limiter

                app = FastAPI()
                app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # finding

                @app.get("/leads")
                @limiter.limit("2/minute")
                def leads(request: Request) -> str:
                    return "ok"
                """,
                "limits.py": """
                from slowapi import Limiter
                from slowapi.util import get_remote_address

                limiter = Limiter(key_func=get_remote_address)
                """,
            }
        ),
    ],
)

MIDDLEWARE = ("slowapi.middleware.SlowAPIMiddleware", "slowapi.middleware.SlowAPIASGIMiddleware")
HANDLER = "slowapi._rate_limit_exceeded_handler"


@rule.check
def applications(app: App, project: Project) -> Iterator[Finding]:
    middleware = next((m for m in app.middleware if m.is_a(*MIDDLEWARE)), None)
    needing = middleware or next((h for h in app.exception_handlers if h.handler_name == HANDLER), None)
    if needing is None or _sets_limiter(project):
        return
    everyone = "every request" if middleware is not None else "a request over the limit"
    yield needing.finding(
        f"slowapi looks for `app.state.limiter`, which nobody sets: {everyone} is a 500. Set it where `{app.name}` is "
        "made.",
        fix=_fix(app, project),
    )


def _sets_limiter(project: Project) -> bool:
    bodies = [b for m in project.source.application_modules for b in (m, *m.functions)]
    assigned = any(t.text.endswith("state.limiter") for b in bodies for s in b.statements_of("assign")
                   for t in s.targets)  # fmt: skip
    return assigned or bool(project.source.calls_to("setattr"))


def _fix(app: App, project: Project) -> Fix | None:
    limiters = [r for r in project.source.resources if r.is_a("slowapi.Limiter")]
    call = app.call
    if call is None or len(limiters) != 1 or call.function is not None or call.assigned_to is None:
        return None
    limiter = limiters[0]
    if limiter.call.file.path != call.file.path or limiter.variable is None or limiter.location > app.location:
        return None
    written = f"\n{call.assigned_to}.state.limiter = {limiter.variable}"
    return Fix("Tell slowapi its limiter", (call.statement.insert_after(written),), safe=True)


@rule.proof(needs=("slowapi",))
def the_blocked_request_is_a_server_error(bad: Served) -> None:
    assert [bad.get("/leads").status_code for _ in range(4)] == [200, 200, 500, 500]
