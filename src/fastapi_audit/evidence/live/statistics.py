"""What a sample says of a quantile or a rate: exact intervals, and verdicts that admit not knowing."""

import math
from collections.abc import Callable, Sequence

from fastapi_audit.model import Verdict

CONFIDENCE = 0.95
"""Of every interval and bound here."""

HALVINGS = 60
"""Of an interval of length 1: far below what a rate is printed with."""


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` of the ascending samples do not exceed; `nan` without samples."""
    if not ordered:
        return math.nan
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def quantile_interval(ordered: Sequence[float], share: float) -> tuple[float, float]:
    """The interval that holds the true quantile in 95 of 100 samplings, by order statistics; nothing is assumed.

    A side is open (`0` or `inf`) where the samples are too few to bound it, each side leaving out half of the doubt.
    """
    count, tail = len(ordered), (1 - CONFIDENCE) / 2
    low, high = 0.0, math.inf
    below = 0.0  # how likely at most `rank` samples lie below the quantile
    for rank in range(count):
        below += _chance(rank, count, share)
        if below <= tail:
            low = ordered[rank]
        if below >= 1 - tail:
            high = ordered[rank]
            break
    return low, high


def rate_interval(events: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's one-sided 95 % bounds of a rate, each valid alone; (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    doubt = 1 - CONFIDENCE
    low = 0.0 if not events else _root(lambda rate: 1 - _at_most(events - 1, trials, rate) - doubt)
    high = 1.0 if events == trials else _root(lambda rate: doubt - _at_most(events, trials, rate))
    return low, high


def fewest_for_quantile(share: float) -> int:
    """How many samples it takes before the interval of a quantile is bounded above."""
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(share))


def fewest_without_events(rate: float) -> int:
    """How many trials without an event it takes before the upper bound of a rate, above 0, is no more than that."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-rate))


def verdict(low: float, high: float, target: float) -> Verdict:
    """Whether the whole interval keeps the target, the whole of it breaks it, or nothing is decided."""
    if high <= target:
        return Verdict.PASS
    return Verdict.FAIL if low > target else Verdict.INCONCLUSIVE


def _chance(events: int, trials: int, rate: float) -> float:
    """Of exactly so many events, at a rate between 0 and 1."""
    ways = math.lgamma(trials + 1) - math.lgamma(events + 1) - math.lgamma(trials - events + 1)
    return math.exp(ways + events * math.log(rate) + (trials - events) * math.log1p(-rate))


def _at_most(events: int, trials: int, rate: float) -> float:
    return math.fsum(_chance(each, trials, rate) for each in range(events + 1))


def _root(rising: Callable[[float], float]) -> float:
    """Where a function of 0 to 1 that rises from below zero crosses it."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return high
