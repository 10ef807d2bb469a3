"""Operation that declares authentication serves without it

The description of the service names a security scheme for this operation, but a request without credentials, or with
made-up ones, gets a successful answer. Most often the scheme has `auto_error=False` and nobody looks at what it returned,
or whatever key is presented will do: a scheme of FastAPI takes credentials from the request and does not check them.

## Use instead
Compare what the scheme returns with what you know, and raise `HTTPException(401)` for `None` and for everything else. An
operation that is meant for everyone should not declare a scheme.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExaminedOperation
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-306",
    references=[
        "https://fastapi.tiangolo.com/reference/security/",
        "https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/",
    ],
    examples=[
        Bad(
            """
            from typing import Annotated

            from fastapi import FastAPI, Security
            from fastapi.security import APIKeyHeader

            app = FastAPI()
            key = APIKeyHeader(name="X-API-Key", auto_error=False)

            @app.get("/leads")
            async def leads(presented: Annotated[str | None, Security(key)]) -> list[str]:
                return ["Ada"]
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/health")
            async def health() -> str:
                return "ok"
            """
        ),
        Good(
            """
            import secrets
            from typing import Annotated

            from fastapi import FastAPI, HTTPException, Security
            from fastapi.security import APIKeyHeader

            app = FastAPI()
            key = APIKeyHeader(name="X-API-Key", auto_error=False)

            @app.get("/leads")
            async def leads(presented: Annotated[str | None, Security(key)]) -> list[str]:
                if presented is None or not secrets.compare_digest(presented, "only-an-example"):
                    raise HTTPException(401)
                return ["Ada"]
            """
        ),
    ],
)


@rule.check
def serves_anyone(examined: ExaminedOperation) -> Iterator[Finding | Undecided]:
    if examined.ignored_auth:
        yield Finding(
            f"`{examined.operation}` says that it needs credentials and serves requests that have none, or made-up ones. "
            "Refuse them, or take the security scheme away.",
            operation=examined.operation,
            observations=(examined.ignored_auth,),
        )
    elif examined.secured and not examined.asks_who:
        yield Undecided("no request was served, nor refused for its credentials")


@rule.proof
def nobody_is_asked_for_a_key(bad: Served) -> None:
    assert bad.get("/leads").status_code == 200
    assert "security" in bad.get("/openapi.json").json()["paths"]["/leads"]["get"]  # type: ignore[index]  # a JSON document
