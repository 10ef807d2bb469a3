"""The six figures that a service exports of itself, in words."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.model import ExportedFigure, Scorecard, Verdict
from fastapi_audit.reports.cells import visible

TITLES = {
    "p95_ms": "P95 of requests",
    "error_share": "server errors",
    "pool_share": "connection pool in use",
    "cache_hit_share": "cache hits",
    "requests_by_client": "requests by client",
    "tokens": "tokens of language models",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One figure as a reader sees it."""

    title: str
    verdict: Verdict
    known: str
    """`between 25 and 50 ms`; empty where nothing is."""
    aside: str
    """The reason, or else the series that it was read from."""


def told(scorecard: Scorecard) -> Iterator[Told]:
    """All six, in the order of the checklist."""
    for each in scorecard.figures:
        aside = each.reason or (f"from {each.source}" if each.source else "")
        yield Told(TITLES.get(each.name, each.name), each.verdict, _known(each), visible(aside))


def _known(figure: ExportedFigure) -> str:
    if math.isnan(figure.low) or figure.verdict is Verdict.NOT_MEASURABLE:
        return ""
    if figure.name in ("requests_by_client", "tokens"):
        return "exported"
    low, high = _quantity(figure.name, figure.low), _quantity(figure.name, figure.high)
    return f"above {low}" if math.isinf(figure.high) else low if low == high else f"between {low} and {high}"


def _quantity(name: str, value: float) -> str:
    return f"{value:.4g} ms" if name.endswith("_ms") else f"{value * 100:.3g} %"
