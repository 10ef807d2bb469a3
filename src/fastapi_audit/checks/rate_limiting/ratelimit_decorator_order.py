"""Rate limit above the route decorator limits nothing

Decorators run from the bottom up. With `@limiter.limit` above `@app.get`, the route is registered first, with the
plain function; the limited one that comes out afterwards is never called. Four requests against a limit of two were
all answered with 200, and nothing warns.

## Use instead
The route decorator first, the limit right below it.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import LimitedFunction
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-770",
    references=["https://slowapi.readthedocs.io/en/latest/#limitations-and-known-issues"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @limiter.limit("2/minute")  # finding
            @app.get("/login")
            def login(request: Request) -> str:
                return "ok"
            """,
            fixed="""
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/login")
            @limiter.limit("2/minute")
            def login(request: Request) -> str:
                return "ok"
            """,
        ),
        Good(
            """
            from fastapi import APIRouter, FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            router = APIRouter()

            @router.get("/login")
            @limiter.limit("2/minute")
            def login(request: Request) -> str:
                return "ok"

            @limiter.limit("2/minute")
            def export(request: Request) -> str:
                return "ok"

            app = FastAPI()
            app.state.limiter = limiter
            app.include_router(router)
            app.add_api_route("/export", export)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @(limiter.limit("2/minute"))  # finding
            @app.get("/login")
            def login(request: Request) -> str:
                return "ok"
            """
        ),
    ],
)


@rule.check
def decorators(limited: LimitedFunction) -> Iterator[Finding]:
    route = limited.above_route
    if route is None:
        return
    yield limited.decorator.finding(
        f"`@{limited.decorator.text}` stands above `@{route.text}`, so the route is registered without it: nothing is "
        "limited. Move it below the route decorator.",
        fix=_fix(limited),
    )


def _fix(limited: LimitedFunction) -> Fix | None:
    away = limited.function.without_decorator(limited.decorator)
    if away is None:
        return None
    below = limited.function.decorated_with(limited.decorator.text)
    return Fix("Move the limit below the route decorator", (away, below), safe=True)


@rule.proof(needs=("slowapi",))
def nothing_is_limited(bad: Served) -> None:
    assert [bad.get("/login").status_code for _ in range(4)] == [200, 200, 200, 200]
