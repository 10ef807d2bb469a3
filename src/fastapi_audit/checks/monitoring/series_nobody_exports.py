"""An alert or a panel asks for a series that nobody exports

Prometheus answers a query for an unknown series with nothing, not with an error: the alert never fires, whatever happens,
and the panel stays empty. prometheus_client ends every counter in `_total` and makes `_bucket`, `_count` and `_sum` of a
histogram, so the name in the code is not the name to ask for.

## Use instead
The name as `/metrics` shows it: `leads_created_total`, `job_duration_seconds_bucket`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Metric, Project
from fastapi_audit.evidence.deployment import AlertRule, Dashboard, Text
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

APP = """
from fastapi import FastAPI
from prometheus_client import Counter, Histogram, make_asgi_app

created = Counter("leads_created", "Leads that were created")
took = Histogram("job_duration_seconds", "How long a job took")
app = FastAPI()
app.mount("/metrics", make_asgi_app())
created.inc()
took.observe(1)
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://prometheus.github.io/client_python/instrumenting/counter/"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "deploy/alerts.yml": """
                groups:
                  - name: leads
                    rules:
                      - alert: NoLeads
                        expr: rate(leads_created[1h]) == 0  # finding
                      - alert: NoLosses
                        expr: rate(leads_lost_total[1h]) > 1  # finding
                      - alert: SlowJobs
                        # finding
                        expr: histogram_quantile(0.95, sum by (le) (rate(job_duration_seconds[5m]))) > 30
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "grafana/leads.json": """
                {
                  "title": "Leads",
                  "panels": [
                    {"targets": [{"expr": "rate(leads_created_total[5m])"}]},
                    {"targets": [{"expr": "rate(leads_created_count[5m])"}]} // # finding
                  ]
                }
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "importer/main.go": """
                var deleted = promauto.NewCounter(prometheus.CounterOpts{Name: "leads_deleted_total"})
                """,
                "deploy/alerts.yml": """
                groups:
                  - name: leads
                    rules:
                      - record: leads_created
                        expr: sum(rate(leads_created_total[5m]))
                      - alert: NoLeads
                        expr: leads_created == 0 or absent(redis_up) or rate(leads_deleted_total[5m]) > 1
                      - alert: Other
                        expr: job_queue_length > 5 or customers_total > 1
                      - alert: SlowJobs
                        expr: job_duration_seconds_sum / job_duration_seconds_count{a="leads_created"} > $took
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from prometheus_client import Counter, Gauge

                created = Counter("leads_created", "Leads that were created")
                last = Gauge("leads_created_count", "Leads there are")
                app = FastAPI()
                """,
                "alerts.yml": """
                groups:
                  - name: leads
                    rules:
                      - alert: Few
                        expr: leads_created_count < 10
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "deploy/dev/alerts.yml": """
                groups:
                  - name: leads
                    rules:
                      - alert: NoLeads
                        expr: rate(leads_created[5m]) == 0
                """,
                "deploy/dev/dashboard.json": """
                {
                  "title": "Leads",
                  "schemaVersion": 39,
                  "panels": [{"targets": [{"expr": "rate(leads_created_count[5m])"}]}]
                }
                """,
            }
        ),
    ],
)

ENDING = re.compile(r"_(?:total|bucket|count|sum|created|info)$")
"""What tells the series of one metric apart."""
OF_OTHERS = frozenset(
    {
        "http",
        "process",
        "python",
        "prometheus",
        "grafana",
        "redis",
        "pg",
        "postgres",
        "node",
        "container",
        "kube",
        "nginx",
    }
    | {
        "db",
        "sql",
        "api",
        "app",
        "request",
        "requests",
        "response",
        "cache",
        "queue",
        "job",
        "jobs",
        "worker",
        "celery",
    }
    | {
        "llm",
        "otel",
        "grpc",
        "go",
        "jvm",
        "rabbitmq",
        "kafka",
        "mongodb",
        "mysql",
        "traefik",
        "haproxy",
        "scrape",
        "up",
    }
)
"""Prefixes that exporters of other programs have too."""
CODE = (
    ".py", ".go", ".ts", ".tsx", ".js", ".mjs", ".rs", ".java", ".kt", ".scala", ".rb", ".php", ".cs", ".ex", ".lua", ".sh",
    ".sql", ".yml", ".yaml", ".json", ".toml", ".conf",
)  # fmt: skip
MOST_FILES = 3000


@rule.check
def alerts(alert: AlertRule, project: Project) -> Iterator[Finding]:
    if alert.production:
        silent = f"`{alert.name}` never fires" if alert.is_alert else f"`{alert.name}` stays empty"
        yield from (
            Finding(f"{silent}: {what}.", name.location, severity=None if alert.is_alert else Severity.MEDIUM)
            for name, what in _unknown(alert.series, project)
        )


@rule.check
def panels(dashboard: Dashboard, project: Project) -> Iterator[Finding]:
    if dashboard.production:
        for name, what in _unknown(dashboard.series, project):
            yield Finding(f"A panel of `{dashboard.title}` stays empty: {what}.", name.location, severity=Severity.LOW)


def _unknown(asked: tuple[Text, ...], project: Project) -> Iterator[tuple[Text, str]]:
    """The series that a metric of the application almost exports, and what it exports instead."""
    metrics = [metric for metric in project.source.metrics if metric.full_name]
    known = {name for metric in metrics for name in metric.series}
    known |= {rule.name for rule in project.deployment.alerts if not rule.is_alert}
    for name in asked:
        meant = _meant(name.value, metrics) if name.value not in known else None
        if meant is not None:
            exported = ", ".join(f"`{one}`" for one in sorted(meant.series) if not one.endswith("_created"))
            yield name, f"nobody exports `{name.value}`; the {meant.kind.lower()} of {_place(meant)} is {exported}"
        elif name.value not in known and _is_of_ours(name.value, metrics, project) and not _is_written(name, project):
            yield name, f"nobody exports `{name.value}`: no code of the project has that name"


def _meant(name: str, metrics: list[Metric]) -> Metric | None:
    written = {name, ENDING.sub("", name)}
    return next((metric for metric in metrics if not written.isdisjoint(_names(metric))), None)


def _names(metric: Metric) -> set[str]:
    """What a person may take the metric for, who read its name in the code."""
    name = metric.full_name or ""
    return {name, name.removesuffix("_total")}


def _is_of_ours(name: str, metrics: list[Metric], project: Project) -> bool:
    """Whether it has the prefix of the application's own metrics, all of which are known."""
    prefix = name.partition("_")[0]
    own = [metric for metric in metrics if (metric.full_name or "").startswith(f"{prefix}_")]
    whole = len(metrics) == len(project.source.metrics)
    return whole and bool(own) and ":" not in name and prefix not in OF_OTHERS


def _is_written(name: Text, project: Project) -> bool:
    """Whether a further file speaks of it: something else than the application may export it."""
    stem = ENDING.sub("", name.value)
    asking = {rule.location.path for rule in project.deployment.alerts} | {
        d.path for d in project.deployment.dashboards
    }
    paths = [path for path in project.tree.paths if path.endswith(CODE) and path not in asking]
    return len(paths) > MOST_FILES or any(stem in (project.text(path) or "") for path in paths)


def _place(metric: Metric) -> str:
    return f"{metric.call.location.path}:{metric.call.location.line}"


@rule.proof(needs=("prometheus-client",))
def the_name_in_the_code_is_not_among_the_series(bad: Served) -> None:
    shown = re.findall(r"^(\w+)[ {]", bad.get("/metrics/").text, re.MULTILINE)

    assert "leads_created_total" in shown
    assert "job_duration_seconds_bucket" in shown
    assert not {"leads_created", "job_duration_seconds"} & set(shown)
