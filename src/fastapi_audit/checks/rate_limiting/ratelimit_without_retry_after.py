"""A refusal for too many requests does not say when to come back

A client that is told 429 and nothing else guesses: most libraries try again at once, and the limit that was meant to
take load off the service adds to it. With `Retry-After`, urllib3, httpx-retries, the SDKs of the clouds and most
gateways wait as long as they are told. slowapi sends it only with `headers_enabled=True`, and a handler of your own for
`RateLimitExceeded` has to send it itself.

## Use instead
`Limiter(…, headers_enabled=True)`, or `headers={"Retry-After": "60"}` on the answer of your handler.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Bursts
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=[
        "https://www.rfc-editor.org/rfc/rfc6585#section-4",
        "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("4/minute")
            def leads(request: Request) -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse
            from slowapi import Limiter
            from slowapi.errors import RateLimitExceeded
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.exception_handler(RateLimitExceeded)
            async def refused(request: Request, error: RateLimitExceeded) -> JSONResponse:
                return JSONResponse({"detail": "too many requests"}, 429, {"Retry-After": "60"})

            @app.get("/leads")
            @limiter.limit("4/minute")
            def leads(request: Request) -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            def leads() -> str:
                return "ok"
            """,
            decided=False,
        ),
    ],
)


@rule.check
def on_the_wire(bursts: Bursts) -> Iterator[Finding | Undecided]:
    for each in bursts.tried:
        refusal = each.refusal
        if refusal is not None and not refusal.header("retry-after"):
            yield Finding(
                "The answer to a client that asks too often does not say when it may ask again, so it asks at once. Send "
                "`Retry-After`.",
                operation=each.operation,
                observations=(refusal.observation("429 without Retry-After"),),
            )
    if not any(each.refusal for each in bursts.tried):
        yield Undecided("no limit was met")


@rule.proof(needs=("slowapi",))
def the_client_is_not_told_when_to_come_back(bad: Served) -> None:
    replies = [bad.get("/leads") for _ in range(6)]

    assert [each.status_code for each in replies] == [200] * 4 + [429] * 2
    assert "retry-after" not in replies[-1].headers
