"""CORS that allows GET only, before routes that write

`CORSMiddleware` allows GET alone unless `allow_methods` says more. The preflight of a POST with JSON, of a PUT, a PATCH
or a DELETE is answered with `400 Disallowed CORS method`: the frontend can read and never write.

## Use instead
`allow_methods=["GET", "POST", …]` with the methods that the frontend uses, or `["*"]`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Middleware
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/cors/#use-corsmiddleware"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            # finding
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])

            @app.put("/leads/{lead_id}")
            def rename(lead_id: int, name: str) -> str:
                return name
            """,
            fixed="""
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"], allow_methods=["*"])

            @app.put("/leads/{lead_id}")
            def rename(lead_id: int, name: str) -> str:
                return name
            """,
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware
            from otherwhere import OPTIONS

            reading = FastAPI()
            reading.add_middleware(CORSMiddleware, allow_origins=["*"])

            @reading.get("/")
            def read() -> str:
                return "read"

            app = FastAPI()
            app.add_middleware(CORSMiddleware, **OPTIONS)
            app.mount("/reading", reading)

            @app.delete("/leads")
            def delete() -> None: ...

            other = FastAPI()
            other.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"], allow_methods=["GET"])

            @other.post("/hooks")
            def hook() -> None: ...
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware)

            @app.post("/leads")
            def create() -> str:
                return "created"
            """
        ),
    ],
)


@rule.check
def cors(middleware: Middleware) -> Iterator[Finding]:
    if not middleware.is_a("starlette.middleware.cors.CORSMiddleware") or middleware.defined_class is not None:
        return
    call = middleware.call
    if "allow_methods" in middleware.options or call.spreads or len(call.arguments) > 1:
        return
    if not {"allow_origins", "allow_origin_regex"} & set(middleware.options):
        return
    writes = _writes(middleware.app)
    if writes is not None:
        yield middleware.finding(
            f"`allow_methods` is not given, so CORS allows GET alone: the preflight of `{writes}` is refused with 400. Name "
            "the methods.",
            fix=Fix("Allow every method", (call.keyword_edit("allow_methods", '["*"]'),)),
        )


def _writes(app: App) -> str | None:
    """A route whose method a browser asks for first."""
    return next((r.operation for r in app.all_routes if r.is_mutating), None)


@rule.proof
def a_preflight_is_refused(bad: Served) -> None:
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PUT"}
    answer = bad.request("OPTIONS", "/leads/7", headers=asked)
    assert answer.status_code == 400
    assert "Disallowed CORS method" in answer.text
