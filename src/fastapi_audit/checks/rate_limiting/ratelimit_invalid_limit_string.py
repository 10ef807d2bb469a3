"""Rate limit that cannot be parsed is no limit

slowapi logs a limit string that it cannot parse to a logger whose output is thrown away, and goes on without the
limit: `"2 per fortnight-ish"` let six of six requests through.

## Use instead
`"<number>/<second|minute|hour|day|month|year>"`, such as `"5/minute"` or `"100 per 15 minutes"`; several with `;`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Expression, LimitedFunction, Resource
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-770",
    references=["https://limits.readthedocs.io/en/stable/quickstart.html#rate-limit-string-notation"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/login")
            @limiter.limit("2 per fortnight")  # finding
            def login(request: Request) -> str:
                return "ok"

            @app.get("/logout")
            @limiter.limit(limit_value="five/minute")  # finding
            def logout(request: Request) -> str:
                return "ok"
            """
        ),
        Good(
            """
            import os

            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            LIMIT = os.environ.get("LIMIT", "5/minute")
            limiter = Limiter(key_func=get_remote_address, default_limits=["100 per 15 minutes", "1000/day"])
            app = FastAPI()
            app.state.limiter = limiter

            def for_tenant() -> str:
                return "7/minute"

            @app.get("/login")
            @limiter.limit("2/minute;10 per hour")
            def login(request: Request) -> str:
                return "ok"

            @app.get("/logout")
            @limiter.limit(LIMIT)
            def logout(request: Request) -> str:
                return "ok"

            @app.get("/export")
            @limiter.limit(for_tenant)
            def export(request: Request) -> str:
                return "ok"

            @app.get("/import")
            @limiter.limit(f"{len(LIMIT)}/hour")
            def read(request: Request) -> str:
                return "ok"
            """
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.middleware import SlowAPIMiddleware
            from slowapi.util import get_remote_address

            LIMIT = os.environ.get("LIMIT", "5/minute")
            limiter = Limiter(key_func=get_remote_address, default_limits=[LIMIT])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIMiddleware)
            """
        ),
    ],
)

ONE = r"\s*\d+\s*(?:/|\s*per\s*)\s*(?:\d+)?\s*(?:second|minute|hour|day|month|year)s?\s*"
LIMITS = re.compile(rf"{ONE}(?:[,;|]{ONE})*", re.IGNORECASE)


@rule.check
def decorators(limited: LimitedFunction) -> Iterator[Finding]:
    if limited.call is None:
        return
    given = limited.call.argument("limit_value", 0)
    if given is not None and given.kind == "constant":
        yield from _judged(given)


@rule.check
def limiters(resource: Resource) -> Iterator[Finding]:
    if not resource.is_a("slowapi.Limiter"):
        return
    for name in ("default_limits", "application_limits"):
        given = resource.written(name)
        for element in given.elements if given is not None else ():
            if element.kind == "constant":
                yield from _judged(element)


def _judged(given: Expression) -> Iterator[Finding]:
    value = given.constant
    if isinstance(value, str) and LIMITS.fullmatch(value) is None:
        yield given.finding(
            f"slowapi cannot parse the limit `{value}` and silently goes on without one. Write it like `5/minute`."
        )


@rule.proof(needs=("slowapi",))
def nothing_is_limited(bad: Served) -> None:
    assert [bad.get("/login").status_code for _ in range(4)] == [200, 200, 200, 200]
