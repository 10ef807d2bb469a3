"""Metrics that no alert watches

The project has its deployment and its Prometheus in files, but not one alert rule. Metrics then only explain an outage
that somebody else has reported.

## Use instead
Alert rules beside `prometheus.yml`: P95 above 200 ms, error rate above 0.1 %, pool above 80 %.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

ALERTS = re.compile(
    r"^\s*(-\s*)?(alert|alertRule|grafana_alert|type:\s*alerting):|kind:\s*PrometheusRule|apiVersion: 1\s*\ngroups:",
    re.MULTILINE,
)
FILES = (".yml", ".yaml", ".json", ".tf", ".libsonnet", ".jsonnet")
MOST_FILES = 400

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    references=["https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/"],
    unproven="an alert that does not exist cannot be seen not to fire",
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "deploy/prometheus.yml": """
                # finding
                scrape_configs:
                  - job_name: api
                    static_configs:
                      - targets: ["api:8000"]
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "deploy/prometheus.yml": """
                rule_files: [alerts.yml]
                scrape_configs:
                  - job_name: api
                """,
                "deploy/alerts.yml": """
                groups:
                  - name: api
                    rules:
                      - alert: TooManyErrors
                        expr: sum(rate(http_requests_total{status="5xx"}[5m])) > 1
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "promtail.yml": """
                clients:
                  - url: http://loki:3100/loki/api/v1/push
                positions:
                  filename: /tmp/positions.yaml
                scrape_configs:
                  - job_name: logs
                """,
            }
        ),
    ],
)


@rule.check
def unwatched(project: Project) -> Iterator[Finding]:
    paths = [p for p in project.tree.paths if p.endswith(FILES)][:MOST_FILES]
    scraping = [config for config in project.deployment.prometheus if config.production]
    if not scraping or any(ALERTS.search(project.text(p) or "") for p in paths):
        return
    yield Finding(
        "Prometheus collects metrics here and no alert rule watches them: outages are found by users.",
        scraping[0].location,
    )
