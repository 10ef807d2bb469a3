"""Rate-limit store down, every limited route down

slowapi asks its store before each request. When Redis does not answer, every limited route is a 500, with
`swallow_errors=True` too: slowapi then misses its own `request.state.view_rate_limit`. A component that should protect
the service takes it down.

## Use instead
`in_memory_fallback_enabled=True`: while the store is away, each process counts for itself.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Resource
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://slowapi.readthedocs.io/en/latest/api/#slowapi.extension.Limiter"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, storage_uri="redis://127.0.0.1:1/0")  # finding
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            def leads(request: Request) -> str:
                return "ok"
            """,
            fixed="""
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, storage_uri="redis://127.0.0.1:1/0", in_memory_fallback_enabled=True)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            def leads(request: Request) -> str:
                return "ok"
            """,
        ),
        Good(
            """
            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            redis = "redis://127.0.0.1:1/0"
            app = FastAPI()
            app.state.limiter = Limiter(
                key_func=get_remote_address, storage_uri=redis, in_memory_fallback_enabled=True
            )
            second = Limiter(key_func=get_remote_address, storage_uri=redis, in_memory_fallback=["5/minute"])
            third = Limiter(key_func=get_remote_address)
            fourth = Limiter(key_func=get_remote_address, storage_uri="memory://")
            """
        ),
    ],
)

REMOTE = ("redis", "rediss", "valkey", "memcached", "mongodb", "async+redis")


@rule.check
def limiters(resource: Resource) -> Iterator[Finding]:
    if not resource.is_a("slowapi.Limiter") or resource.call.has_unknown_arguments:
        return
    given = resource.constant("storage_uri")
    named = given is ... and "redis" in (written.text.lower() if (written := resource.written("storage_uri")) else "")
    if not named and not str(given).startswith(REMOTE):
        return
    if resource.constant("in_memory_fallback_enabled") not in (None, False) or resource.has("in_memory_fallback"):
        return
    yield resource.finding(
        "When the store does not answer, every limited route is a 500. Add `in_memory_fallback_enabled=True`, so that "
        "each process counts for itself meanwhile.",
        fix=Fix("Count in memory meanwhile", (resource.call.keyword_edit("in_memory_fallback_enabled", "True"),)),
    )


@rule.proof(needs=("slowapi", "redis"))
def the_route_fails(bad: Served) -> None:
    assert bad.get("/leads").status_code == 500
