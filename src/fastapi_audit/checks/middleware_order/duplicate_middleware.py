"""The same middleware is installed twice

Of two CORS middlewares the outer one answers every preflight and writes the headers; what the inner one allows has no
effect, and nothing says so. Two compressions or two host checks are work done twice, or a rule that nobody expects.

## Use instead
One call with all the options.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://starlette.dev/middleware/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=["https://partner.example"])  # finding
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])

            @app.get("/")
            def home() -> str:
                return "hello"
            """
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware
            from fastapi.middleware.gzip import GZipMiddleware

            class Header:
                def __init__(self, app, name: str) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Header, name="a")
            app.add_middleware(Header, name="b")
            app.add_middleware(GZipMiddleware)
            if os.environ.get("PARTNER"):
                app.add_middleware(CORSMiddleware, allow_origins=["https://partner.example"])
            else:
                app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])

            inner = FastAPI()
            inner.add_middleware(GZipMiddleware)
            app.mount("/inner", inner)
            """
        ),
    ],
)

ONCE = (
    "starlette.middleware.cors.CORSMiddleware",
    "starlette.middleware.gzip.GZipMiddleware",
    "starlette.middleware.trustedhost.TrustedHostMiddleware",
    "starlette.middleware.sessions.SessionMiddleware",
)


@rule.check
def stacks(app: App) -> Iterator[Finding]:
    for name in ONCE:
        same = [m for m in app.middleware if m.name == name and m.condition is None]
        for middleware in same[1:]:
            if middleware.location != same[0].location:
                yield middleware.finding(
                    f"`{name.rpartition('.')[2]}` is installed a second time at line {same[0].location.line} of "
                    f"`{same[0].location.path}`, outside of this one. Make it one call with all the options."
                )


@rule.proof
def the_inner_one_has_no_effect(bad: Served) -> None:
    browser = {"Origin": "https://partner.example", "Access-Control-Request-Method": "GET"}
    assert "access-control-allow-origin" not in bad.request("OPTIONS", "/", headers=browser).headers
