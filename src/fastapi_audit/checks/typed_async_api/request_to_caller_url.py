"""Request to a URL that the caller chooses

The service fetches an address that comes from the request. It does so from inside your network: the caller reaches
databases, admin ports and the metadata service of the cloud through it (server-side request forgery).

## Use instead
Compare scheme and host with the ones that you allow before the request, refuse private addresses, follow no redirects.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, Origin
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
CLIENTS = ("requests", "requests.Session", "httpx", "httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession")
FETCHES = [f"{client}.{method}" for client in CLIENTS for method in METHODS] + ["urllib.request.urlopen"]
WITH_METHOD = [f"{client}.{method}" for client in CLIENTS for method in ("request", "stream")]

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe="CWE-918",
    references=[
        "https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html"
    ],
    examples=[
        Bad(
            """
            import httpx
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/internal")
            async def internal() -> str:
                return "the metadata"


            @app.get("/preview")
            async def preview(url: str) -> str:
                async with httpx.AsyncClient(trust_env=False) as client:
                    return (await client.get(url)).text  # finding
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from pydantic import BaseModel, HttpUrl

                from hooks import ping

                app = FastAPI()


                class Hook(BaseModel):
                    url: HttpUrl


                @app.post("/hooks")
                def register(hook: Hook) -> int:
                    return ping(str(hook.url))
                """,
                "hooks.py": """
                import requests


                def ping(address: str) -> int:
                    return requests.request("GET", f"{address}/ping", timeout=2).status_code  # finding
                """,
            }
        ),
        Good(
            """
            from urllib.parse import urlparse

            import httpx
            from fastapi import FastAPI, HTTPException

            app = FastAPI()
            client = httpx.AsyncClient(base_url="https://users.example")
            MIRRORS = {"eu": "https://eu.example"}


            @app.get("/users/{name}")
            async def user(name: str, region: str) -> dict:
                await client.get(f"/users/{name}")
                await client.get("https://users.example/" + name, params={"q": name})
                return (await client.get(MIRRORS[region])).json()


            @app.get("/preview")
            async def preview(url: str) -> str:
                if urlparse(url).hostname not in {"images.example"}:
                    raise HTTPException(400)
                return (await client.get(url)).text
            """
        ),
        Good(
            """
            import httpx
            from fastapi import FastAPI, HTTPException

            from releases import known_releases

            app = FastAPI()
            client = httpx.AsyncClient()


            @app.get("/details")
            async def details(link: str) -> dict:
                release = next((r for r in await known_releases() if r.link == link), None)
                if release is None:
                    raise HTTPException(404)
                return (await client.get(link)).json()
            """
        ),
        Good(
            """
            import httpx
            from fastapi import FastAPI

            RATES = {"url": "https://rates.example.com/today", "timeout": 5}
            app = FastAPI()


            @app.get("/rates")
            def rates() -> str:
                return httpx.get(**RATES).text
            """
        ),
    ],
)


@rule.check(of=FETCHES)
def fetches(call: Call) -> Iterator[Finding]:
    yield from chosen_by_caller(call, 0)


@rule.check(of=WITH_METHOD)
def requests_with_method(call: Call) -> Iterator[Finding]:
    yield from chosen_by_caller(call, 1)


def chosen_by_caller(call: Call, position: int) -> Iterator[Finding]:
    url = call.argument("url", position)
    if url is None:
        return
    chosen = next((o for o in url.origins if o.is_text and o.leads and not o.what.startswith("request.")), None)
    if chosen is None:
        return
    finding = call.finding(
        f"`{chosen.what}` of `{chosen.function.name}` decides which host this request goes to, so callers reach what only the "
        "service can reach. Allow known hosts only.",
        trace=chosen.steps,
        operation=next((w.operation for w in chosen.function.ways if w.before is None and w.operation), None),
    )
    # Administrators are trusted with addresses of the inside; whether rightly, files do not tell.
    yield replace(finding, confidence=Confidence.LOW) if for_administrators(chosen) else finding


def for_administrators(origin: Origin) -> bool:
    routes = [w.route for w in origin.function.ways if w.before is None and w.route is not None]
    return bool(routes) and all(any("admin" in name.lower() for name in route.auth) for route in routes)


@rule.proof(needs=("httpx",))
def the_caller_reaches_what_the_service_reaches(bad: Served) -> None:
    """A route of the inside is read through the preview."""
    port = bad.log.partition("('127.0.0.1', ")[2].partition(")")[0]
    assert "the metadata" in bad.get("/preview", params={"url": f"http://127.0.0.1:{port}/internal"}).text
