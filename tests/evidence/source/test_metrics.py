"""What an application measures."""

from pathlib import Path

from fastapi_audit.evidence import Gathering, gather

CODE = """
from fastapi import FastAPI
from opentelemetry import metrics
from prometheus_client import Counter as Count, Histogram

LABELS = ["tenant", "kind"]
TOKENS = Count("llm_tokens", "Tokens", LABELS)
meter = metrics.get_meter("leads")
pool = meter.create_gauge("db.pool.usage")
app = FastAPI()


def seconds(name: str) -> Histogram:
    return Histogram(name, "Duration")
"""


def test_metrics_with_their_labels(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(CODE, encoding="utf-8")
    source = gather(Gathering(root=tmp_path, use_cache=False)).source

    assert [(m.kind, m.name, m.labels) for m in source.metrics] == [
        ("Counter", "llm_tokens", ("tenant", "kind")),
        ("Histogram", "", ()),
        ("create_gauge", "db.pool.usage", ()),
    ]
    assert source.metrics[0].words == "llm_tokens tokens tenant kind"
    assert source.exports_metrics


def test_an_application_that_measures_nothing(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("from fastapi import FastAPI\n\napp = FastAPI()\n", encoding="utf-8")
    source = gather(Gathering(root=tmp_path, use_cache=False)).source

    assert source.metrics == []
    assert not source.exports_metrics


def test_series_are_named_as_prometheus_gets_them(tmp_path: Path) -> None:
    code = """
from fastapi import FastAPI
from prometheus_client import Counter, Gauge, Histogram

app = FastAPI()
made = Counter("leads_total", "", namespace="acme", subsystem="crm")
size = Gauge("queue", "", unit="jobs")
took = Histogram("took_seconds", "")
unknown = Gauge("a", "", app.title, namespace=app.title)
"""
    (tmp_path / "main.py").write_text(code, encoding="utf-8")
    made, size, took, unknown = gather(Gathering(root=tmp_path, use_cache=False)).source.metrics

    assert made.full_name == "acme_crm_leads_total"
    assert made.series == {"acme_crm_leads_total", "acme_crm_leads_created"}
    assert size.series == {"queue_jobs"}
    assert took.series == {f"took_seconds_{ending}" for ending in ("bucket", "count", "sum", "created")}
    assert unknown.full_name is None
    assert unknown.labels == ()
    assert unknown.series == set()
