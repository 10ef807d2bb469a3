"""The geometry of the charts: numbers in, coordinates out; the templates draw them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from fastapi_audit.model import LatencyRow

WIDTH, HEIGHT = 640.0, 200.0
"""Of a plot without its axis."""

RADIUS = 52.0
GAP = 1.0
"""Between two bars."""

TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000)
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """An arc of a circle, as the dashes of a stroke that starts at the top."""

    radius: float
    filled: float
    around: float


def gauge(score: float) -> Gauge:
    """0 to 100 as a share of the circle."""
    around = 2 * math.pi * RADIUS
    return Gauge(RADIUS, round(around * score / 100, 1), round(around, 1))


@dataclass(frozen=True, slots=True)
class Bar:
    """One class of a histogram."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What lies over a logarithmic axis of milliseconds."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    points: str
    """Of a polyline."""
    ticks: tuple[Tick, ...]
    target: float | None
    """Where the target's line stands; `None` when it is outside."""


def histogram(row: LatencyRow) -> Plot:
    """How many samples took how long."""
    axis = _Axis.of(row)
    most = max((count for _, count in row.histogram), default=1) or 1
    return axis.plot(row, tuple(_bar(axis, bound, count, most) for bound, count in row.histogram), "")


def curve(row: LatencyRow) -> Plot:
    """Which share of the samples took at most so long."""
    axis = _Axis.of(row)
    whole = sum(count for _, count in row.histogram) or 1
    shares = accumulate(count / whole for _, count in row.histogram)
    points = [(0.0, HEIGHT)]
    points += [(axis.x(bound), HEIGHT * (1 - share)) for (bound, _), share in zip(row.histogram, shares, strict=True)]
    return axis.plot(row, (), " ".join(f"{x:.1f},{y:.1f}" for x, y in points))


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float

    @classmethod
    def of(cls, row: LatencyRow) -> "_Axis":
        bounds = [bound for bound, _ in row.histogram] or [1.0]
        return cls(min(bounds[0] / _step(bounds), row.p95_target_ms / 2), max(bounds[-1], row.p95_target_ms * 2))

    def x(self, milliseconds: float) -> float:
        return round(WIDTH * math.log(milliseconds / self.low) / math.log(self.high / self.low), 1)

    def plot(self, row: LatencyRow, bars: tuple[Bar, ...], points: str) -> Plot:
        ticks = tuple(Tick(self.x(each), _label(each)) for each in TICKS if self.low <= each <= self.high)
        return Plot(WIDTH, HEIGHT, bars, points, ticks, self.x(row.p95_target_ms))


def _bar(axis: _Axis, bound: float, count: int, most: int) -> Bar:
    low = bound / 2**0.25
    left, right = axis.x(low), axis.x(bound)
    height = round(HEIGHT * count / most, 1)
    return Bar(left, HEIGHT - height, max(right - left - GAP, GAP), height, low, bound, count)


def _step(bounds: Sequence[float]) -> float:
    return bounds[1] / bounds[0] if len(bounds) > 1 else 2**0.25


def _label(milliseconds: float) -> str:
    return f"{milliseconds / 1000:g} s" if milliseconds >= 1000 else f"{milliseconds:g}"  # noqa: PLR2004  a second
