r"""allow_origin_regex lets in more than it seems

A dot in a regular expression stands for any character: `https://app.example.com` also lets `https://appXexample.com`
in, and `https://.*example\.com` lets `https://evilexample.com` in. With `allow_credentials=True` such a site acts as the
signed-in user, as does every site when the expression is `.*`.

## Use instead
List the origins. Where subdomains vary: `https://[a-z0-9-]+\.example\.com`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Middleware
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-942",
    references=["https://fastapi.tiangolo.com/tutorial/cors/", "https://starlette.dev/middleware/#corsmiddleware"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            # finding
            app.add_middleware(CORSMiddleware, allow_origin_regex="https://app.example.com", allow_credentials=True)

            @app.get("/")
            def home() -> str:
                return "hello"
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origin_regex=r"^https?://.*$", allow_credentials=True)  # finding
            other = FastAPI()
            other.add_middleware(CORSMiddleware, allow_origin_regex=r"https://.*example\\.com")  # finding
            app.mount("/other", other)
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(
                CORSMiddleware, allow_origin_regex=r"https://([a-z0-9-]+\\.)?example\\.com", allow_credentials=True
            )
            other = FastAPI()
            other.add_middleware(CORSMiddleware, allow_origin_regex=r"https://.*\\.example\\.com(:\\d+)?")
            public = FastAPI()
            public.add_middleware(CORSMiddleware, allow_origin_regex=".*")
            app.add_middleware(CORSMiddleware, allow_origin_regex="http://.*localhost:[0-9]+")
            app.mount("/other", other)
            app.mount("/public", public)
            """
        ),
    ],
)

# The text is judged, never run: an expression of a stranger may take for ever.
ANY_SITE = re.compile(r"\^?\(?(https?\??|http\(s\)\?|\(https?\|https?\))?(:?(//|\\/\\/))?\(?\.[*+]\)*\$?")
ANY_CHARACTER = re.compile(r"(?<!\\)[a-z0-9-]\.[a-z]", re.IGNORECASE)
NO_BOUNDARY = re.compile(r"(//|^\^?)\(?\.[*+]\??\)?[a-z0-9]", re.IGNORECASE)


@rule.check
def cors(middleware: Middleware) -> Iterator[Finding]:
    expression = middleware.constant("allow_origin_regex")
    if not middleware.is_a("starlette.middleware.cors.CORSMiddleware") or not isinstance(expression, str):
        return
    credentials = middleware.constant("allow_credentials") is True
    if ANY_SITE.fullmatch(expression):
        if credentials:
            yield middleware.finding(
                f"`{expression}` matches every website, which may then act as the signed-in user. List your origins.",
                severity=Severity.CRITICAL,
            )
    elif "localhost" not in expression and (ANY_CHARACTER.search(expression) or NO_BOUNDARY.search(expression)):
        yield middleware.finding(
            f"`{expression}` matches more than your own sites: a dot stands for any character unless it is escaped, and "
            "`.*` needs an escaped dot behind it. List the origins, or write them exactly.",
            severity=None if credentials else Severity.MEDIUM,
        )


@rule.proof
def a_similar_name_is_let_in(bad: Served) -> None:
    answer = bad.get("/", headers={"Origin": "https://appXexample.com"})
    assert answer.headers["access-control-allow-origin"] == "https://appXexample.com"
    assert answer.headers["access-control-allow-credentials"] == "true"
