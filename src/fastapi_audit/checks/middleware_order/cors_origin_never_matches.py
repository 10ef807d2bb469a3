"""CORS origin that no browser ever sends

An Origin header is scheme, host and port: `https://app.example.com`. Starlette compares it as text. An entry with a
slash at its end, a path, a `*` inside or no scheme is equal to none, so the frontend that it was meant for is refused.

## Use instead
`https://app.example.com`, as the address bar shows it, without anything behind the port. Many subdomains take
`allow_origin_regex`, with the dots escaped.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Middleware
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=[
        "https://fastapi.tiangolo.com/tutorial/cors/",
        "https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Origin",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            # finding
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com/"])

            @app.get("/")
            def home() -> str:
                return "home"
            """,
            fixed="""
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])

            @app.get("/")
            def home() -> str:
                return "home"
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            ORIGINS = ["https://app.example.com", "https://*.example.com", "app.example.com"]

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=ORIGINS)  # finding
            """
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            public = FastAPI()
            public.add_middleware(CORSMiddleware, allow_origins=["*"])

            app = FastAPI()
            app.mount("/public", public)
            app.add_middleware(
                CORSMiddleware,
                allow_origins=[
                    "https://app.example.com",
                    "http://localhost:5173",
                    "capacitor://localhost",
                    "chrome-extension://abcdefghijklmnop",
                    "http://[::1]:8000",
                    "null",
                    os.environ["FRONTEND"],
                ],
            )
            """
        ),
    ],
)

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/*\s?#]+", re.IGNORECASE)
WHOLE = frozenset({"*", "null", ""})


@rule.check
def cors(middleware: Middleware) -> Iterator[Finding]:
    if not middleware.is_a("starlette.middleware.cors.CORSMiddleware"):
        return
    origins = middleware.constant("allow_origins")
    if not isinstance(origins, list | tuple) or "*" in origins:
        return
    wrong = [o for o in origins if isinstance(o, str) and o not in WHOLE and not ORIGIN.fullmatch(o)]
    if wrong:
        yield middleware.finding(
            f"No browser sends {', '.join(f'`{o}`' for o in wrong)} as Origin, so the page behind it is refused. Write scheme, "
            "host and port and nothing else.",
            fix=_fix(middleware, wrong),
        )


def _fix(middleware: Middleware, wrong: list[str]) -> Fix | None:
    """Takes the slash away where that is all that is wrong."""
    written = middleware.option("allow_origins")
    elements = [e for e in written.elements if e.constant in wrong] if written is not None else []
    if len(elements) != len(wrong) or not all(ORIGIN.fullmatch(o.rstrip("/")) for o in wrong):
        return None
    edits = tuple(e.replace(e.text.replace("/" + e.text[-1], e.text[-1])) for e in elements if e.kind == "constant")
    return Fix("Take the slash away", edits, safe=True) if len(edits) == len(wrong) else None


@rule.proof
def the_frontend_is_refused(bad: Served) -> None:
    answer = bad.get("/", headers={"Origin": "https://app.example.com"})
    assert "access-control-allow-origin" not in answer.headers
