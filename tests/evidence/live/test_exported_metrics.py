"""Services that export metrics, and services that answer anything else in their place."""

import socket
import sys
from pathlib import Path

import pytest

from fastapi_audit.evidence import ExportedMetrics, Limits, Probing, Start
from fastapi_audit.evidence.live import Live, probe
from fastapi_audit.model import Verdict
from raw_server import OPENAPI, Answer, always, answering, whole

INSTRUMENTED = """
from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator

app = FastAPI()
Instrumentator().instrument(app).expose(app)


@app.get("/leads")
async def leads() -> list[str]:
    return []
"""
LIMITS = Limits(max_requests=500, rate=1000.0)


def only(live: Live) -> ExportedMetrics:
    [seen] = live.subjects[ExportedMetrics]
    assert isinstance(seen, ExportedMetrics)
    return seen


@pytest.mark.slow
def test_figures_that_the_service_does_not_export_are_not_measurable(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(INSTRUMENTED)
    start = Start("main:app", tmp_path, Path(sys.executable))

    seen = only(probe(Probing(start=start, limits=LIMITS), [ExportedMetrics]))

    assert seen.scrape is not None
    assert seen.sent == 100
    assert seen.jump is None
    verdicts = {each.name: each.verdict for each in seen.figures}
    assert verdicts["error_share"] is Verdict.INCONCLUSIVE
    untold = ("pool_share", "cache_hit_share", "requests_by_client", "tokens")
    assert all(verdicts[name] is None and seen.figure(name) is None for name in untold)
    assert sum("not measurable" in each for each in seen.untold) >= len(untold)
    rows = {row.name: row.verdict for row in seen.rows}
    assert rows == {name: verdict or Verdict.NOT_MEASURABLE for name, verdict in verdicts.items()}


def answer(metrics: bytes, status: str = "200 OK") -> Answer:
    def given(connection: socket.socket, request: str) -> None:
        described = whole(OPENAPI) if "/openapi.json" in request else whole(b"[]")
        connection.sendall(whole(metrics, status=status) if "/metrics" in request else described)

    return given


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (answer(b"<html>hello</html>"), "cannot be read: it is not the text that Prometheus reads"),
        (answer(b"a 1\n" * 400_000), "cannot be read: more than"),
        (answer(b"x" * 3_000_000), "no metrics: /metrics gave cut after"),
        (answer(b"", "401 Unauthorized"), "its credentials go into --metrics-header-file"),
        (answer(b"", "404 Not Found"), "no metrics: /metrics gave 404"),
        (always(whole(OPENAPI)), "cannot be read"),
    ],
)
def test_what_is_no_text_of_prometheus_has_a_reason_and_no_figures(given: Answer, why: str) -> None:
    with answering(given) as server:
        seen = only(probe(Probing(url=server.url, limits=Limits(max_requests=60, max_time_s=20)), [ExportedMetrics]))

    assert seen.scrape is None
    assert why in seen.unreadable
    assert not seen.figures
    assert [row.reason for row in seen.rows] == [seen.unreadable] * len([*seen.rows])
    assert (seen.absent is not None) == ("404" in why)
