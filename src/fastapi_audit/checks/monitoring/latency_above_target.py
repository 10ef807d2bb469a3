"""Operation is slower than its target

One request in twenty waits longer than the target that was set for this operation, 200 ms unless the configuration says
otherwise. It was called at a steady pace, each request timed from when it was meant to start, so that a server that
stalls has its stall counted; the finding is made only when the whole 95 % interval of the percentile lies above the target.
The rule passes only when the whole interval of every operation that was measured lies below it: one that too few requests, a
refusal or a busy machine left undecided is no pass.

## Use instead
Profile the operation under this load: look for queries in loops, missing indexes, calls to other services one after the
other, and work that belongs in a background job. A target that is wrong is set in the configuration, per operation.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import MeasuredLatency
from fastapi_audit.model import EvidenceKind, Verdict
from fastapi_audit.rule import Bad, Finding, Good, Observation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://sre.google/sre-book/service-level-objectives/"],
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                await asyncio.sleep(0.3)
                return ["Ada"]
            """
        ),
        # One slow operation does not condemn those beside it.
        Bad(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                return ["Ada"]

            @app.get("/reports")
            async def reports() -> list[str]:
                await asyncio.sleep(0.3)
                return ["2026"]
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                await asyncio.sleep(0.02)
                return ["Ada"]
            """
        ),
    ],
)


@rule.check(every=True)
def above_target(measured: MeasuredLatency) -> Iterator[Finding | Undecided]:
    if measured.operation is None:
        return
    if measured.row.p95_verdict is Verdict.INCONCLUSIVE:
        yield Undecided(measured.row.p95_reason)
    elif measured.row.p95_verdict is Verdict.FAIL:
        together = (
            "at the same moments as the others: something holds up the whole service. Look for what blocks the event loop, "
            "or for a pool that is used up."
        )
        alone = "one request in twenty waits longer. Find what it waits for under load, or set a target of its own."
        yield Finding(
            f"`{measured.operation}` is slower than its target, {together}"
            if measured.held_up
            else f"`{measured.operation}` is slower than its target: {alone}",
            operation=measured.operation,
            observations=(Observation(EvidenceKind.LIVE, measured.interval),),
            cause="the whole service" if measured.held_up else "",
        )


@rule.proof
def requests_take_longer_than_the_target(bad: Served) -> None:
    assert min(bad.get("/leads").seconds for _ in range(3)) > 0.2
