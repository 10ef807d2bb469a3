"""Which series a query asks for."""

import pytest

from fastapi_audit.evidence.deployment import Document
from fastapi_audit.evidence.deployment.promql import series


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("up", ["up"]),
        ("sum(rate(a_total[5m])) by (route) / on(job) group_left b", ["a_total", "b"]),
        ('sum by (le, route) (rate(a_bucket{le="0.2", route!~".*/x}"}[5m] offset 1h)) > bool 0.05', ["a_bucket"]),
        ("histogram_quantile(0.95, job:latency:rate5m) and absent(up{job='api'})", ["job:latency:rate5m", "up"]),
        ('rate(a[$__rate_interval]) + rate(${metric}_total[5m]) + b_$unit + "c"', ["a"]),
        ("a_total[1h:5m] # and b\n unless ignoring(x) c", ["a_total", "c"]),
        ("1e3 + inf - 5m", []),
        ('{__name__="a"}', []),
    ],
)
def test_series_of_a_query(query: str, names: list[str]) -> None:
    document = Document.of("a.yml", query)
    found = list(series(document.span(0, len(query))))
    assert [text.value for text in found] == names
    assert [text.raw for text in found] == names


@pytest.mark.timeout(20)
@pytest.mark.parametrize("query", ["{" * 19_000, '"' * 19_001, "a(" * 9_000, "by (" * 4_000, "a " * 500_000])
def test_a_hostile_query_takes_bounded_time(query: str) -> None:
    document = Document.of("a.yml", query)
    assert len(list(series(document.span(0, len(query))))) < 10_000
