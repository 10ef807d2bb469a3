"""HTTP client made anew for each request

To make and close an `httpx.AsyncClient` took 45 ms of CPU on the event loop, most of it for reading the certificates, in
which nobody else is served (an `aiohttp.ClientSession` is cheap to make). No connection is kept either: each call pays for DNS, TCP and TLS again, and under load
the sockets in TIME_WAIT run out.

## Use instead
One client for the life of the process: made in the lifespan, kept in its state, given to routes by a dependency.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, fills_a_cache
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=[
        "https://www.python-httpx.org/advanced/clients/#why-use-a-client",
        "https://docs.aiohttp.org/en/stable/http_request_lifecycle.html",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from httpx import AsyncClient

            app = FastAPI()
            seen: set[int] = set()

            async def look_up(name: str) -> int:
                async with AsyncClient() as client:  # finding
                    seen.add(id(client))
                    return len(str(client))

            @app.get("/leads")
            async def leads() -> int:
                return await look_up("ada")
            """
        ),
        Bad(
            """
            import aiohttp
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> str:
                async with aiohttp.ClientSession() as session:  # finding
                    async with session.get("https://crm.example.com/leads") as answer:
                        return await answer.text()
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager
            from functools import lru_cache

            import httpx
            from fastapi import Depends, FastAPI, Request

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with httpx.AsyncClient() as client:
                    app.state.http = client
                    yield

            app = FastAPI(lifespan=lifespan)
            shared = httpx.AsyncClient()
            later: httpx.AsyncClient | None = None

            @lru_cache
            def cached() -> httpx.AsyncClient:
                return httpx.AsyncClient()

            def first_use() -> httpx.AsyncClient:
                global later
                if later is None:
                    later = httpx.AsyncClient()
                return later

            class Crm:
                def __init__(self) -> None:
                    self.client = httpx.AsyncClient()

            crm = Crm()

            views: dict[str, str] = {}

            async def view(name: str) -> str:
                try:
                    return views[name]
                except KeyError:
                    pass
                async with httpx.AsyncClient() as client:
                    answer = await client.get("https://views.example.com/" + name)
                views[name] = answer.text
                return answer.text

            @app.get("/views/{name}")
            async def shown(name: str) -> str:
                return await view(name)

            @app.get("/leads")
            async def leads(request: Request, client: httpx.AsyncClient = Depends(cached)) -> int:
                await first_use().get("https://crm.example.com")
                await crm.client.get("https://crm.example.com")
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as inner:
                    answer = await inner.get("/other")
                return answer.status_code

            @app.get("/other")
            async def other() -> str:
                return "other"
            """
        ),
    ],
)

CLIENTS = ("httpx.AsyncClient", "httpx.Client", "aiohttp.ClientSession")
OWN_CONNECTION = frozenset({"transport", "mounts", "cert", "verify", "proxy", "proxies", "connector", "app", "auth"})
"""A client that is made with one of these may well differ from request to request."""
KEEPING = frozenset({"__init__", "__aenter__", "__enter__", "__new__"})


@rule.check(of=CLIENTS)
def clients(call: Call) -> Iterator[Finding]:
    function = call.function
    if function is None or function.name in KEEPING or call.spreads or not OWN_CONNECTION.isdisjoint(call.keywords):
        return
    way = function.in_request
    if way is None or not call.entered or call.conditions or fills_a_cache(call):
        return
    is_light = call.name == "aiohttp.ClientSession"  # which reads the certificates once
    yield call.finding(
        f"`{call.callee.text}` is made and closed for each request: {'' if is_light else 'tens of milliseconds of CPU, and '}"
        "a new connection every time. Make it once in the lifespan and share it.",
        operation=way.operation,
        trace=way.trace(call),
        # A helper may serve a path that is walked once a day; a handler, a dependency or a middleware is walked by all.
        severity=Severity.LOW if way.depth or is_light else None,
    )


@rule.proof(needs=["httpx"])
def no_client_is_shared(bad: Served) -> None:
    timed = bad.run(
        "import asyncio, time, httpx\n"
        "async def one():\n"
        "    started = time.process_time()\n"
        "    async with httpx.AsyncClient(): pass\n"
        "    return time.process_time() - started\n"
        "print(min(asyncio.run(one()) for _ in range(5)))"
    )
    assert float(timed) > 0.002
