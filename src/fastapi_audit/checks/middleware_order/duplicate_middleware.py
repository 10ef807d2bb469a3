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
        Bad(
            """
            from fastapi import FastAPI
            from starlette.middleware.gzip import GZipMiddleware
            from starlette.middleware.trustedhost import TrustedHostMiddleware

            STACK = [
                (GZipMiddleware, {}),
                (TrustedHostMiddleware, {"allowed_hosts": ["example.com"]}),
                (GZipMiddleware, {"minimum_size": 500}),
            ]
            app = FastAPI()
            for middleware, options in STACK:
                app.add_middleware(middleware, **options)  # finding
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.trustedhost import TrustedHostMiddleware

            def setup(app: FastAPI) -> None:
                app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.com"])  # finding

            def create() -> FastAPI:
                app = FastAPI()
                setup(app)
                return app

            app = create()
            setup(app)
            """
        ),
        Good(
            """
            from functools import cache

            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware
            from fastapi.middleware.trustedhost import TrustedHostMiddleware

            def setup(app: FastAPI) -> None:
                app.add_middleware(GZipMiddleware)

            @cache
            def protect(app: FastAPI) -> None:
                app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.com"])

            app, inner = FastAPI(), FastAPI()
            for each in (app, inner):
                setup(each)
            protect(app)
            protect(app)
            app.mount("/inner", inner)

            if __name__ == "__main__":
                setup(app)
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.gzip import GZipMiddleware
            from fastapi.middleware.trustedhost import TrustedHostMiddleware

            app = FastAPI()
            for middleware in {GZipMiddleware, GZipMiddleware}:
                app.add_middleware(middleware)

            known = []
            for middleware in [TrustedHostMiddleware, TrustedHostMiddleware]:
                if middleware in known:
                    continue
                known.append(middleware)
                app.add_middleware(middleware)

            other = FastAPI()
            for middleware in [GZipMiddleware, GZipMiddleware]:
                other.add_middleware(middleware)
                break
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
            outer = same[0].location
            where = f"at line {outer.line} of `{outer.path}`"
            if middleware.location == outer:
                where = "by this very call, as the loop or function that it stands in runs more than once"
            yield middleware.finding(
                f"`{name.rpartition('.')[2]}` is installed a second time {where}, outside of this one. Make it one call "
                "with all the options."
            )


@rule.proof
def the_inner_one_has_no_effect(bad: Served) -> None:
    browser = {"Origin": "https://partner.example", "Access-Control-Request-Method": "GET"}
    assert "access-control-allow-origin" not in bad.request("OPTIONS", "/", headers=browser).headers
