"""Operation fails more often than its target

Called with arguments that its own description allows, at a steady pace, this operation works, but answers with server
errors, or not at all, more often than the target: 0.1 % unless the configuration says otherwise. The finding is made only when even the
lower bound of the rate, at 95 %, lies above the target; a refusal such as 404 or 429 is an answer and no error. The rule
passes only when the upper bound of every operation that was measured is no more than the target: 0.1 % takes 2,995 requests
without an error to each, more than the probe sends unless `--max-requests` and `--max-time` let it.

## Use instead
Read the traceback in the server's log: a race, a pool that runs dry, or a dependency that fails shows up under load first.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import MeasuredLatency
from fastapi_audit.model import EvidenceKind, Verdict
from fastapi_audit.rule import Bad, Finding, Good, Observation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://sre.google/sre-book/service-level-objectives/"],
    examples=[
        Bad(
            """
            from itertools import count

            from fastapi import FastAPI

            app = FastAPI()
            served = count(1)

            @app.get("/leads")
            async def leads() -> list[str]:
                if next(served) % 5 == 0:
                    raise RuntimeError("the pool is empty")
                return ["Ada"]
            """
        ),
        # It never works, which is a defect of another kind.
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                raise RuntimeError("not written yet")
            """,
            decided=False,
        ),
        # A refusal is an answer, however often it is given.
        Good(
            """
            from fastapi import FastAPI, HTTPException

            app = FastAPI()

            @app.get("/leads/{lead_id}")
            async def lead(lead_id: int) -> str:
                raise HTTPException(404)

            @app.get("/leads")
            async def leads() -> list[str]:
                return []
            """,
            decided=False,
        ),
    ],
)


@rule.check(every=True)
def above_target(measured: MeasuredLatency) -> Iterator[Finding | Undecided]:
    row = measured.row
    if measured.operation is None:
        return
    if measured.always_fails:
        # What never works is no matter of a rate: `request-crashes-handler` has it.
        yield Undecided("no request went well, which is no matter of a rate")
    elif row.error_verdict is Verdict.INCONCLUSIVE:
        yield Undecided(row.error_reason)
    elif row.error_verdict is Verdict.FAIL:
        seen = f"{row.errors} of {row.samples} requests failed; the target is {row.error_target * 100:g} %"
        yield Finding(
            f"`{measured.operation}` fails more often than its target, on requests that its description allows. The "
            "server's log has the traceback.",
            operation=measured.operation,
            observations=(Observation(EvidenceKind.LIVE, seen),),
        )


@rule.proof
def some_requests_fail(bad: Served) -> None:
    assert sorted(bad.get("/leads").status_code for _ in range(10)) == [200] * 8 + [500] * 2
