"""A request that clients may send crashes the handler

The handler raised, and the client got a server error, for a request that the service's own description allows, or for one
that it should have refused with 422. Whoever finds it can fill the log and the error budget at will.

## Use instead
Validate what the handler relies on: bounds and patterns on parameters (`Query(gt=0)`), a 404 for what is not there. Then
the client learns what was wrong with its request.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExaminedOperation, MeasuredLatency
from fastapi_audit.model import EvidenceKind
from fastapi_audit.rule import Bad, Finding, Good, Observation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-755",
    references=[
        "https://fastapi.tiangolo.com/tutorial/query-params-str-validations/",
        "https://schemathesis.readthedocs.io/en/stable/reference/checks/",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/share")
            async def share(people: int) -> float:
                return 100 / people
            """
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import FastAPI, HTTPException, Query

            app = FastAPI()

            @app.get("/share")
            async def share(people: Annotated[int, Query(gt=0, le=1000)]) -> float:
                return 100 / people

            @app.get("/leads/{lead_id}")
            async def lead(lead_id: int) -> str:
                raise HTTPException(404)

            @app.get("/summary")
            async def summary(length: int) -> str:
                if length % 2:
                    raise HTTPException(503, headers={"Retry-After": "30"})
                return "short"
            """
        ),
    ],
)


@rule.check
def crashes(examined: ExaminedOperation) -> Iterator[Finding | Undecided]:
    if crash := examined.crash:
        yield Finding(
            told(examined.operation),
            location=crash.place,
            operation=examined.operation,
            trace=crash.steps[:-1],
            cause=crash.cause,
            observations=(crash.observation,),
        )
    elif not examined.reached:
        yield Undecided("every request was refused before its handler")


@rule.check
def crashes_always(measured: MeasuredLatency) -> Iterator[Finding | Undecided]:
    if measured.operation is not None and measured.always_crashes:
        seen = f"{measured.row.samples} of {measured.row.samples} requests with arguments that should work failed"
        yield Finding(
            told(measured.operation),
            operation=measured.operation,
            observations=(Observation(EvidenceKind.LIVE, seen),),
        )
    elif measured.operation is not None and not measured.reached:
        yield Undecided("every request was refused before its handler")


def told(operation: str) -> str:
    return (
        f"`{operation}` answers with a server error to a request that any client may send. Refuse such input, or handle "
        "it."
    )


@rule.proof
def a_query_of_zero_is_a_server_error(bad: Served) -> None:
    assert bad.get("/share?people=4").json() == 25
    assert bad.get("/share?people=0").status_code == 500
