"""Response object that comes back from the cache as something else

fastapi-cache2 keeps JSON. Of a `Response` that the handler returned it keeps the object's attributes: the first caller
of a cached `HTMLResponse("<b>x</b>")` reads HTML, the second `{"status_code": 200, "body": "<b>x</b>", "raw_headers":
…}`. Of a `JSONResponse` it keeps the body alone: a 201 is a 200 from then on, and its headers are gone.

## Use instead
Return data from a cached handler, and let the route say the status code; or cache the data in a helper.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import CachedFunction, Call, Expression, Project, Route, route_caches
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://github.com/long2ice/fastapi-cache#custom-coder"],
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI
            from fastapi.responses import HTMLResponse, JSONResponse
            from fastapi_cache import FastAPICache
            from fastapi_cache.backends.inmemory import InMemoryBackend
            from fastapi_cache.decorator import cache

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                FastAPICache.init(InMemoryBackend())
                yield

            app = FastAPI(lifespan=lifespan)

            @app.get("/page")
            @cache(expire=60)
            async def page():
                return HTMLResponse("<b>x</b>")  # finding

            @app.get("/later")
            @cache(expire=60)
            async def later():
                return JSONResponse({"state": "queued"}, status_code=202)  # finding
            """
        ),
        Good(
            """
            from aiocache import cached
            from fastapi import FastAPI
            from fastapi.responses import HTMLResponse, JSONResponse
            from fastapi_cache.coder import PickleCoder
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @app.get("/page")
            @cache(expire=60, coder=PickleCoder)
            async def page():
                return HTMLResponse("<b>x</b>")

            @app.get("/data", status_code=202)
            @cache(expire=60)
            async def data() -> dict[str, str]:
                return {"state": "queued"}

            @app.get("/json")
            @cache(expire=60)
            async def as_json():
                return JSONResponse({"state": "done"})

            @app.get("/other")
            @cached(ttl=60)
            async def other():
                return HTMLResponse("<b>x</b>")
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import HTMLResponse
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @cache(expire=60)
            async def text() -> str:
                return "<b>x</b>"

            @app.get("/page")
            async def page():
                return HTMLResponse(await text())
            """
        ),
    ],
)

JSON = "starlette.responses.JSONResponse"
RESPONSES = (
    "fastapi.Response",
    *(
        f"starlette.responses.{name}"
        for name in ("HTMLResponse", "PlainTextResponse", "RedirectResponse", "StreamingResponse", "FileResponse")
    ),
)
OK = 200


@rule.check
def kept_as_json(route: Route, project: Project) -> Iterator[Finding]:
    function = route.function
    cache = next((c for c in route_caches(route) if c.library == "fastapi-cache2"), None)
    if function is None or cache is None or _other_coder(cache, project):
        return
    for returned in function.returned_expressions:
        lost = _lost(returned)
        if lost is not None:
            yield returned.finding(
                f"The cache of `{route.operation}` keeps JSON, not a response: from the second request on {lost}. Return "
                "data, or cache the data in a helper.",
                operation=route.operation,
            )


def _other_coder(cache: CachedFunction, project: Project) -> bool:
    inits = project.source.calls_anywhere("fastapi_cache.FastAPICache.init")
    chosen = any("coder" in c.keywords or c.has_unknown_arguments for c in inits)
    return chosen or cache.has_unknown_options or cache.option("coder") is not None


def _lost(returned: Expression) -> str | None:
    """What a client no longer gets."""
    if returned.is_a(*RESPONSES):
        return "clients get its attributes as JSON"
    if not (returned.is_a(JSON) and isinstance(returned, Call)):
        return None
    status = returned.argument("status_code", 1)
    if status is None or not isinstance(status.constant, int) or status.constant == OK:
        return None
    return f"the {status.constant} is a 200"


@rule.proof(needs=["fastapi-cache2"])
def the_second_client_reads_attributes(bad: Served) -> None:
    assert bad.get("/page").text == "<b>x</b>"
    assert "raw_headers" in bad.get("/page").text
    assert [bad.get("/later").status_code for _ in range(2)] == [202, 200]
