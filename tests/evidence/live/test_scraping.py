"""Metrics as services export them, and as nobody should."""

import math
import time

import pytest

from fastapi_audit.evidence.live.scraping import Series, Unreadable, jump, moved, read

TEXT = """\
# HELP http_requests_total Requests
# TYPE http_requests_total counter
http_requests_total{handler="/a",status="2xx"} 10
# TYPE pool_in_use gauge
pool_in_use 3
"""


def requests(value: float) -> dict[tuple[str, tuple[tuple[str, str], ...]], Series]:
    series = Series("requests_total", (), "counter", value)
    return {series.key: series}


def test_series_are_read_with_their_kind_and_labels() -> None:
    [counter, gauge] = read(TEXT).values()

    assert (counter.name, counter.kind, counter.value, counter.only_rises) == (
        "http_requests_total",
        "counter",
        10.0,
        True,
    )
    assert counter.label("status_code", "status") == "2xx"
    assert (gauge.name, gauge.kind, gauge.only_rises) == ("pool_in_use", "gauge", False)


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Not found</body></html>",
        '{"requests": 12}',
        "",
        "# only a comment\n",
        "requests_total twelve\n",
        'requests_total{path="/a} 1\n',
        "x" * 5000 + " 1\n",
        "a 1\n" * 50_000,
    ],
)
def test_what_is_no_text_of_prometheus_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_a_text_that_is_made_to_be_slow_ends() -> None:
    line = "a{b=" + '"' + '\\"' * 2000 + '"} 1\n'
    begun = time.monotonic()

    with pytest.raises(Unreadable):
        read(line * 40_000)

    assert time.monotonic() - begun < 30


def test_a_number_larger_than_any_float_has_no_bound() -> None:
    assert read("a " + "9" * 400 + "\n")["a", ()].value == math.inf


def test_only_what_rises_has_moved_and_a_new_series_has_risen_from_nothing() -> None:
    before, after = read(TEXT), read(TEXT.replace("} 10", "} 25").replace("use 3", "use 9") + "# TYPE n counter\nn 4\n")

    assert {series.name: series.value for series in moved(before, after)} == {
        "http_requests_total": 15.0,
        "n_total": 4.0,
    }


def test_a_counter_that_falls_and_comes_back_jumps() -> None:
    values = [139, 139, 121, 25, 25, 121, 140]
    found = jump([[requests(value)] for value in values])

    assert found is not None
    assert (found.name, found.values) == ("requests_total", tuple(map(float, values)))


@pytest.mark.parametrize(
    "rounds",
    [
        [[1], [2], [2], [5]],
        # Answers made at once may come in any order.
        [[1], [4, 2, 3], [6, 5], [7]],
        # A restart.
        [[900], [3], [7]],
        [[]],
        [],
    ],
)
def test_other_counters_do_not_jump(rounds: list[list[float]]) -> None:
    assert jump([[requests(value) for value in each] for each in rounds]) is None
