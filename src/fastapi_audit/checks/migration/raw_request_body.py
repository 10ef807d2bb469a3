"""Body read by hand instead of by a model

`await request.json()` in a handler raises on malformed JSON, and `data["name"]` on a missing field: both answer 500,
where a model answers 422 and says which field is wrong. The OpenAPI document has no schema of the body.

## Use instead
A Pydantic model as a parameter. Read the raw bytes only where a signature has to be checked.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Model, Parameter, Route
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

SIGNED = re.compile(r"signature|hmac|webhook", re.IGNORECASE)
"""Whoever signs a body sends JSON; and the raw bytes are needed."""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/body/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request

            app = FastAPI()


            @app.post("/leads")
            async def create(request: Request) -> str:
                data = await request.json()  # finding
                return data["name"]
            """
        ),
        Good(
            """
            import json

            from fastapi import FastAPI, HTTPException, Request
            from pydantic import BaseModel

            app = FastAPI()


            class Lead(BaseModel):
                name: str


            @app.post("/leads")
            async def create(lead: Lead, request: Request) -> str:
                return lead.name + str(len(await request.body()))


            @app.post("/both")
            async def both(lead: Lead, request: Request) -> list:
                return [lead.name, *await request.json()]


            @app.post("/checked")
            async def checked(request: Request) -> str:
                try:
                    data = await request.json()
                except json.JSONDecodeError as error:
                    raise HTTPException(400) from error
                return data.get("name", "")


            @app.post("/signed")
            async def signed(request: Request) -> dict:
                if request.headers["x-signature"] != sign(await request.body()):
                    raise HTTPException(401)
                return await request.json()


            def sign(body: bytes) -> str:
                return str(len(body))


            @app.post("/validated")
            async def validated(request: Request) -> Lead:
                return Lead.model_validate_json(await request.body())
            """
        ),
    ],
)


@rule.check
def bodies_by_hand(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.kind != "http" or not {"POST", "PUT", "PATCH"} & set(route.methods):
        return
    if any(is_body(p) for p in function.parameters):
        return  # what is no JSON, or has no such field, is refused before the handler runs
    if SIGNED.search(function.file.source(function.node)):
        return
    for call in function.calls_to("fastapi.Request.json"):
        if call.awaited and not call.tries:
            undocumented = "" if route.argument("openapi_extra") else ", and the body is not documented"
            yield call.finding(
                f"Malformed JSON makes `{route.operation}` answer 500 instead of 422{undocumented}. Take a Pydantic model as a "
                "parameter.",
                operation=route.operation,
            )
            return


def is_body(parameter: Parameter) -> bool:
    return not parameter.is_dependency and isinstance(parameter.defined_class, Model)


@rule.proof
def malformed_json_is_a_server_error(bad: Served) -> None:
    """What the caller did wrong is answered as an error of the server."""
    headers = {"content-type": "application/json"}
    assert bad.post("/leads", content="{", headers=headers).status_code == 500
    assert bad.post("/leads", json={}).status_code == 500
