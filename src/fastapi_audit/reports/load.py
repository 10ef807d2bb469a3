"""The measured load in words: how many operations it asked, and how far they decide anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan

from fastapi_audit.model import LatencyRow, Outcome, Result, Scorecard, Verdict
from fastapi_audit.reasons import listed, measured
from fastapi_audit.reports.cells import visible


@dataclass(frozen=True, slots=True)
class Measured:
    """One of the two targets, over all operations that were measured."""

    title: str
    verdict: Verdict
    """The worst; undecided is worse than passed."""
    words: str


def extent(card: Scorecard) -> str:
    """`20 of 45 operations were measured …`; empty where nothing was."""
    known = {name: value for name, value in card.measurements if not isnan(value)}
    rows = _operations(card)
    if not rows:
        return ""
    described = max(int(known.get("operations", 0)), len(rows))
    return measured(len(rows), described, int(known.get("operations_not_callable", 0)))


def told(card: Scorecard) -> Iterator[Measured]:
    """Both targets; nothing where no operation was measured."""
    rows = _operations(card)
    if rows:
        yield _of("P95", [(row.operation or "", row.p95_verdict, row.p95_reason) for row in rows])
        yield _of("error rate", [(row.operation or "", row.error_verdict, row.error_reason) for row in rows])


def undecided(card: Scorecard) -> list[Result]:
    """Rules that have looked and cannot tell, the gravest first."""
    looked = [each for each in card.results if each.outcome is Outcome.NOT_RUN and each.subjects]
    return sorted(looked, key=lambda each: (each.severity.rank, each.rule))


def _operations(card: Scorecard) -> Sequence[LatencyRow]:
    return [row for row in card.latencies if row.operation is not None]


def _of(title: str, rows: Sequence[tuple[str, Verdict, str]]) -> Measured:
    order = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURABLE, Verdict.PASS)
    worst = min((verdict for _, verdict, _ in rows), key=order.index)
    counts = {each: sum(verdict is each for _, verdict, _ in rows) for each in reversed(order)}
    words = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    whys = listed((name, reason) for name, verdict, reason in rows if verdict is Verdict.INCONCLUSIVE and reason)
    return Measured(title, worst, visible(f"{words}: {whys}" if whys else words))
