"""Intervals of quantiles and rates: against published ranks, and against how often they really hold the truth."""

import math
import random

import pytest

from fastapi_audit.evidence.live.statistics import (
    fewest_for_quantile,
    fewest_without_events,
    quantile,
    quantile_interval,
    rate_interval,
    verdict,
)
from fastapi_audit.model import Verdict


@pytest.mark.parametrize(
    ("count", "share", "low", "high"),
    [(500, 0.95, 465, 485), (1000, 0.95, 936, 964), (1000, 0.99, 983, 997), (2000, 0.99, 1971, 1989)],
)
def test_the_ranks_are_those_of_the_binomial_distribution(count: int, share: float, low: int, high: int) -> None:
    bounds = quantile_interval([float(rank) for rank in range(1, count + 1)], share)

    assert bounds == pytest.approx((low, high), abs=1)


def test_too_few_samples_leave_the_upper_side_open() -> None:
    assert quantile_interval([1.0] * 71, 0.95)[1] == math.inf
    assert quantile_interval([1.0] * 72, 0.95)[1] == 1.0
    assert quantile_interval([], 0.95) == (0.0, math.inf)


def test_the_interval_holds_the_true_quantile_as_often_as_it_says() -> None:
    chance = random.Random(17)  # noqa: S311  samples, not secrets
    truth = -math.log(0.05)
    held = 0
    for _ in range(400):
        low, high = quantile_interval(sorted(chance.expovariate(1) for _ in range(300)), 0.95)
        held += low <= truth <= high

    assert held / 400 >= 0.93


def test_no_error_in_three_thousand_requests_is_what_it_takes_to_claim_a_tenth_of_a_percent() -> None:
    assert rate_interval(0, 2994)[1] > 0.001
    assert rate_interval(0, 2996)[1] <= 0.001
    assert rate_interval(1, 5000)[1] == pytest.approx(0.00095, abs=0.00001)
    assert rate_interval(0, 1000)[0] == 0.0
    assert rate_interval(0, 1000)[1] == pytest.approx(0.0030, abs=0.0001)


def test_a_rate_of_all_or_of_nothing_tried_has_no_bound_on_that_side() -> None:
    assert rate_interval(3, 3)[1] == 1.0
    assert rate_interval(3, 3)[0] == pytest.approx(0.05 ** (1 / 3))
    assert rate_interval(0, 0) == (0.0, 1.0)


def test_a_verdict_is_given_only_when_the_whole_interval_agrees() -> None:
    assert verdict(0.1, 0.2, 0.2) is Verdict.PASS
    assert verdict(0.21, 0.3, 0.2) is Verdict.FAIL
    assert verdict(0.1, 0.3, 0.2) is Verdict.INCONCLUSIVE
    assert verdict(0.2, math.inf, 0.2) is Verdict.INCONCLUSIVE


def test_the_quantile_of_few_samples_is_one_of_them() -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.95) == 4.0
    assert math.isnan(quantile([], 0.5))


def test_the_fewest_that_decide_are_the_first_whose_interval_is_bounded() -> None:
    quantile, rate = fewest_for_quantile(0.95), fewest_without_events(0.001)

    assert (quantile, rate) == (72, 2995)
    assert math.isinf(quantile_interval([1.0] * (quantile - 1), 0.95)[1])
    assert quantile_interval([1.0] * quantile, 0.95)[1] == 1.0
    assert rate_interval(0, rate)[1] <= 0.001 < rate_interval(0, rate - 1)[1]
