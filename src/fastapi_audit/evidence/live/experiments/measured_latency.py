"""How long the operations take under a paced load, and how often they fail."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.live.session import Experiment, NotPossible, Phase, Session
from fastapi_audit.evidence.live.statuses import NOT_REACHED, UNHANDLED
from fastapi_audit.model import LatencyRow, Verdict

if TYPE_CHECKING:
    from fastapi_audit.evidence.live.latency import Sampling


@dataclass(frozen=True, slots=True)
class MeasuredLatency:
    """One operation, or the whole service, against its targets."""

    row: LatencyRow
    statuses: frozenset[int | None] = frozenset()
    """Of its answers; `None` where no whole one came."""
    held_up: bool = False
    """Whether it is slow only at moments when most others are too."""
    unjudged: str = ""
    """Why it cannot be told whether it is slow, though it was."""

    @property
    def operation(self) -> str | None:
        """`GET /users/{id}`; `None` is the whole service."""
        return self.row.operation

    @property
    def always_fails(self) -> bool:
        """Whether no request of the operation went well: it is broken, whatever the pace."""
        return self.row.errors == self.row.samples

    @property
    def reached(self) -> bool:
        """Whether a handler has answered: what is refused before says nothing of it."""
        return any(status not in NOT_REACHED for status in self.statuses)

    @property
    def always_crashes(self) -> bool:
        """Whether every answer is the 500 of a handler that raised; 502 to 504 are said of something behind it."""
        return self.statuses == {UNHANDLED}

    @property
    def interval(self) -> str:
        """What is known of the P95, as a report says it."""
        row = self.row
        return (
            f"P95 {row.p95_ms:.0f} ms over {row.samples} requests at a steady pace, with 95 % confidence between "
            f"{row.p95_low_ms:.0f} and {row.p95_high_ms:.0f} ms; the target is {row.p95_target_ms:g} ms"
        )


async def observe(session: Session) -> AsyncIterator[MeasuredLatency]:
    """Calls the operations that may be called, in turns, by a timetable; the whole service comes first."""
    from fastapi_audit.evidence.live.loading import load, loaded  # noqa: PLC0415  a scan imports this module

    sampling = await load(session)
    if not sampling.samples:
        message = "no time or no requests were left for the load: raise --max-time and --max-requests"
        raise NotPossible(message)
    session.extents[MeasuredLatency] = loaded(session).told
    held_up = sampling.held_up(session.probing.target_of)
    for row in sampling.rows(session.probing.target_of):
        own = (each for each in sampling.samples if row.operation in (None, each.operation))
        unjudged = _unjudged(row, sampling) if sampling.too_late(session.probing.target) else ""
        yield MeasuredLatency(row, frozenset(each.status for each in own), row.operation in held_up, unjudged)
    if not sampling.served:
        message = (
            "every operation that was called refused what it was asked: give credentials with --header-file, or "
            "arguments in the configuration"
        )
        raise NotPossible(message)


def _unjudged(row: LatencyRow, sampling: "Sampling") -> str:
    if row.p95_verdict is not Verdict.INCONCLUSIVE or row.p95_low_ms <= row.p95_target_ms:
        return ""
    late = f"one request in twenty was sent {sampling.late * 1000:.0f} ms late"
    return f"this machine was too busy to tell whether {row.operation or 'the service'} is slow: {late}"


experiment = Experiment(MeasuredLatency, observe, phase=Phase.MEASURE, needs_operations=True)
