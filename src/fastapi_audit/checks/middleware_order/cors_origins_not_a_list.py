"""allow_origins is a string, so parts of it are let in

Starlette asks `origin in allow_origins`. In a string that looks for a part: with
`allow_origins="https://app.example.com"` the origins `https://app.e` and `h` are allowed too, and what an attacker has
to register is any beginning of your name.

## Use instead
A list: `allow_origins=["https://app.example.com"]`. Split what comes from the environment.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Middleware
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-942",
    references=["https://fastapi.tiangolo.com/tutorial/cors/", "https://starlette.dev/middleware/#corsmiddleware"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins="https://app.example.com")  # finding

            @app.get("/")
            def home() -> str:
                return "hello"
            """,
            fixed="""
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])

            @app.get("/")
            def home() -> str:
                return "hello"
            """,
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=("https://app.example.com",))
            other = FastAPI()
            other.add_middleware(CORSMiddleware, allow_origins=os.environ["ORIGINS"].split(","))
            public = FastAPI()
            public.add_middleware(CORSMiddleware, allow_origins="*")
            app.mount("/other", other)
            app.mount("/public", public)
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            FRONTEND = "https://app.example.com"
            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=FRONTEND)  # finding
            """
        ),
    ],
)


@rule.check
def cors(middleware: Middleware) -> Iterator[Finding]:
    if not middleware.is_a("starlette.middleware.cors.CORSMiddleware"):
        return
    origins = middleware.constant("allow_origins")
    if not isinstance(origins, str) or origins == "*":
        return
    written = middleware.option("allow_origins")
    fix = None
    if written is not None and written.kind == "constant":
        fix = Fix("Make it a list", (written.replace(f"[{written.text}]"),), safe=True)
    yield middleware.finding(
        f"`allow_origins` is the string `{origins}`, so every origin that is a part of it is let in. Pass a list.",
        fix=fix,
    )


@rule.proof
def a_part_of_the_origin_is_let_in(bad: Served) -> None:
    answer = bad.get("/", headers={"Origin": "https://app.e"})
    assert answer.headers["access-control-allow-origin"] == "https://app.e"
