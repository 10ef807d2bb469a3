"""Rate-limit store can stall the event loop

slowapi asks Redis with a synchronous client, on the event loop for `async def` handlers. Without a socket timeout a Redis
that hangs stops everything: with a pause of 1.5 s in Redis, an unrelated route took 1.6 s.

## Use instead
`storage_options={"socket_timeout": 0.2, "socket_connect_timeout": 0.2}`, together with `in_memory_fallback_enabled=True`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project, Resource
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://limits.readthedocs.io/en/stable/storage.html"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, storage_uri="redis://cache:6379/0")  # finding
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            async def leads(request: Request) -> str:
                return "ok"
            """,
            fixed="""
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, storage_uri="redis://cache:6379/0", storage_options={"socket_timeout": 0.2, "socket_connect_timeout": 0.2})
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            async def leads(request: Request) -> str:
                return "ok"
            """,
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(
                key_func=get_remote_address,
                storage_uri="redis://cache:6379/0",
                storage_options={"socket_timeout": 0.2},
            )
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            async def leads(request: Request) -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, storage_uri="redis://cache:6379/0")
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("20/minute")
            def leads(request: Request) -> str:
                return "ok"
            """
        ),
    ],
    unproven="It takes a real Redis that is told to pause; a test marked services does that.",
)

OPTIONS = '{"socket_timeout": 0.2, "socket_connect_timeout": 0.2}'


@rule.check
def limiters(resource: Resource, project: Project) -> Iterator[Finding]:
    if not resource.is_a("slowapi.Limiter") or resource.call.has_unknown_arguments or resource.has("storage_options"):
        return
    uri = resource.constant("storage_uri")
    if not isinstance(uri, str) or not uri.startswith(("redis", "valkey")) or "socket_timeout" in uri:
        return
    awaited = [
        f for f in project.source.functions
        if f.is_async and any((d.callee.name or "") == "slowapi.Limiter.limit" for x in f.decorators for d in x.calls)
    ]  # fmt: skip
    if awaited:
        yield resource.finding(
            f"slowapi asks Redis synchronously, on the event loop for `{awaited[0].name}`: while Redis hangs, every "
            "request hangs. Give it a socket timeout.",
            fix=Fix("Wait 0.2 seconds at most", (resource.call.keyword_edit("storage_options", OPTIONS),)),
        )
