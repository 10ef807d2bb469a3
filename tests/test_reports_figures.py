"""The six figures of a service's own metrics, as words in the terminal, on the page and in JSON."""

import json
from math import inf, nan
from pathlib import Path

from fastapi_audit.evidence.live.experiments.exported_metrics import SIX, ExportedMetrics
from fastapi_audit.evidence.live.figures import figures
from fastapi_audit.evidence.live.probing import Target
from fastapi_audit.evidence.live.scraping import read
from fastapi_audit.model import ExportedFigure, Verdict
from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.html import render as page
from fastapi_audit.reports.json import render as document
from fastapi_audit.reports.reading import read_scorecard
from fastapi_audit.reports.terminal import render as terminal
from small_project import material

SEEN = (
    ExportedFigure("p95_ms", 25.0, 50.0, Verdict.PASS, "", "http_request_duration_seconds"),
    ExportedFigure("error_share", 0.0, 0.004, Verdict.INCONCLUSIVE, "too few requests", "http_requests_total"),
    ExportedFigure("pool_share", 0.9, 0.9, Verdict.FAIL, "", "db_pool_in_use"),
    ExportedFigure("cache_hit_share", nan, nan, Verdict.NOT_MEASURABLE, "no counters tell hits and misses apart"),
    ExportedFigure("requests_by_client", 40.0, 40.0, Verdict.PASS, "", "requests_by_tenant_total"),
    ExportedFigure("tokens", nan, nan, Verdict.NOT_MEASURABLE, "no series counts <tokens>"),
)


def shown() -> Material:
    return material(figures=SEEN)


def test_the_terminal_says_each_verdict_in_words_with_what_is_known_or_why_nothing_is() -> None:
    lines = terminal(shown(), Look(width=100)).splitlines()

    begin = lines.index("  What the service exports of itself:")
    assert lines[begin + 1 : begin + 7] == [
        "  pass            P95 of requests: between 25 ms and 50 ms, from http_request_duration_seconds",
        "  inconclusive    server errors: between 0 % and 0.4 %, too few requests",
        "  fail            connection pool in use: 90 %, from db_pool_in_use",
        "  not measurable  cache hits: no counters tell hits and misses apart",
        "  pass            requests by client: exported, from requests_by_tenant_total",
        "  not measurable  tokens of language models: no series counts <tokens>",
    ]


def test_a_scan_says_nothing_of_figures() -> None:
    assert "exports of itself" not in terminal(material(), Look()) + page(material(), Look())


def test_the_page_has_the_same_words() -> None:
    html = page(shown(), Look())

    assert '<span class="verdict-not-measurable">not measurable</span>' in html
    assert "no series counts &lt;tokens&gt;" in html
    assert "between 25 ms and 50 ms" in html


def test_what_json_holds_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "probe.json").write_text(document(shown(), Look()))

    again = read_scorecard(tmp_path / "probe.json").figures

    assert [(each.name, each.verdict, each.reason, each.source) for each in again] == [
        (each.name, each.verdict, each.reason, each.source) for each in SEEN
    ]
    assert (again[0].low, again[0].high) == (25.0, 50.0)


def test_no_upper_bound_is_told_as_one_and_survives_json(tmp_path: Path) -> None:
    slow = material(figures=(ExportedFigure("p95_ms", 5000.0, inf, Verdict.FAIL, "", "latency_seconds"),))
    (tmp_path / "probe.json").write_text(document(slow, Look()))

    assert "P95 of requests: above 5000 ms" in terminal(slow, Look())
    assert read_scorecard(tmp_path / "probe.json").figures[0].high == inf


def test_metrics_that_cannot_be_read_leave_all_six_not_measurable_with_the_reason() -> None:
    rows = list(ExportedMetrics((), "/metrics answers 401").rows)

    assert [each.name for each in rows] == list(SIX)
    assert {(each.verdict, each.reason) for each in rows} == {(Verdict.NOT_MEASURABLE, "/metrics answers 401")}


def test_the_names_are_those_that_are_judged() -> None:
    reading = read("up 1\n")

    assert tuple(each.name for each in figures([reading, reading], Target())) == SIX
    assert json.loads(document(material(), Look()))["figures"] == []
