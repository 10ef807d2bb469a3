"""Nothing limits the size of a request

A body is read whole into memory before it is parsed, and parsed on the event loop. Neither uvicorn nor FastAPI has a
limit unless told: 30 MB of JSON were taken, and while 8 MB were parsed nobody else was served. A few such requests at once,
and the kernel kills the container.

## Use instead
`FastAPI(max_body_size=1_000_000)` from 0.165, or the proxy's limit (nginx has one of 1 MB unless told otherwise). If a
gateway that was not part of the probe limits the size, say so in the configuration: ignore this rule.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import OversizeBodies
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-770",
    references=["https://owasp.org/API-Security/editions/2023/en/0xa4-unrestricted-resource-consumption/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel

            class Lead(BaseModel):
                email: str

            app = FastAPI()

            @app.post("/leads")
            async def create(lead: Lead) -> str:
                return lead.email
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel

            class Lead(BaseModel):
                email: str

            app = FastAPI(max_body_size=100_000)

            @app.post("/leads")
            async def create(lead: Lead) -> str:
                return lead.email
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from pydantic import BaseModel
            from starlette.responses import PlainTextResponse

            class Lead(BaseModel):
                email: str

            class Limit:
                def __init__(self, app) -> None:
                    self.app = app

                async def __call__(self, scope, receive, send) -> None:
                    length = dict(scope.get("headers", ())).get(b"content-length", b"0")
                    if int(length) > 1_000_000:
                        await PlainTextResponse("too large", 413)(scope, receive, send)
                    else:
                        await self.app(scope, receive, send)

            app = FastAPI()
            app.add_middleware(Limit)

            @app.post("/leads")
            async def create(lead: Lead) -> str:
                return lead.email
            """
        ),
    ],
)


@rule.check
def on_the_wire(bodies: OversizeBodies) -> Iterator[Finding | Undecided]:
    if all(each.is_read for each in bodies.tried):
        named = " and ".join(f"`{each.operation}`" for each in bodies.tried)
        yield Finding(
            f"Nothing limits the size of a request: {named} read 8 MB to the end. Set `max_body_size`, or a limit in the "
            "proxy.",
            observations=tuple(
                each.exchange.observation("8 MB were read whole, then refused for what they are")
                for each in bodies.tried
            ),
        )
    elif not any(each.is_refused for each in bodies.tried):
        yield Undecided("8 MB were neither read nor refused")


@rule.proof
def thirty_megabytes_are_parsed(bad: Served) -> None:
    reply = bad.post("/leads", json={"email": "a" * 30_000_000}, timeout=60)
    assert reply.status_code == 200
    assert len(reply.content) > 30_000_000
