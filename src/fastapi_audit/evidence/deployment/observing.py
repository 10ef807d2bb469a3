"""Prometheus, its rules, and Grafana dashboards: what is scraped, what raises an alert, what is shown."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_audit.evidence.deployment.command_line import seconds
from fastapi_audit.evidence.deployment.files import is_development
from fastapi_audit.evidence.deployment.promql import series
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.evidence.deployment.yaml import Mapping, Node, Scalar, Sequence
from fastapi_audit.model import Location

DEEPEST_PANEL = 6


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """One entry of `scrape_configs`."""

    name: str
    targets: tuple[Text, ...]
    """Of `static_configs`: `api:8000`."""
    metrics_path: str
    interval: float | None
    """Seconds; `None` for the global one."""
    discovers: bool
    """Whether something else than this file names targets too: Kubernetes, Consul, DNS, a file."""
    body: Mapping = field(repr=False)

    @property
    def location(self) -> Location:
        return self.body.location


@dataclass(frozen=True, slots=True)
class PrometheusConfig:
    """A `prometheus.yml`."""

    path: str
    body: Mapping = field(repr=False)
    jobs: tuple[ScrapeJob, ...]
    rule_files: tuple[Text, ...]
    production: bool = True

    @property
    def location(self) -> Location:
        return self.body.location


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alerting or recording rule."""

    name: str
    """Of the alert, or of the series that is recorded."""
    is_alert: bool
    expression: Text
    """PromQL."""
    wait: float | None
    """`for`, in seconds."""
    severity: str | None
    group: str
    body: Mapping = field(repr=False)
    production: bool = True

    @property
    def location(self) -> Location:
        return self.body.location

    @property
    def series(self) -> tuple[Text, ...]:
        """The series that it asks for, each with its place."""
        return tuple(series(self.expression))


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A Grafana dashboard."""

    path: str
    title: str
    expressions: tuple[Text, ...]
    """The queries of all panels."""
    production: bool = True

    @property
    def location(self) -> Location:
        return Location(self.path, 1)

    @property
    def series(self) -> tuple[Text, ...]:
        """The series that its panels ask for, each with its place."""
        return tuple(name for expression in self.expressions for name in series(expression))


def prometheus_configs(document: Document, top: tuple[Node, ...]) -> Iterator[PrometheusConfig]:
    """The configuration of a Prometheus server."""
    for root in top:
        # Promtail's files have the same key; what they collect is logs.
        if isinstance(root, Mapping) and root.sequence("scrape_configs") and not root.pair("positions"):
            jobs = tuple(_job(body) for body in root.mappings("scrape_configs"))
            files = tuple(i.text for i in root.sequence("rule_files") if isinstance(i, Scalar))
            yield PrometheusConfig(document.path, root, jobs, files, not is_development(document.path))


def _job(body: Mapping) -> ScrapeJob:
    name, path, interval = body.scalar("job_name"), body.scalar("metrics_path"), body.scalar("scrape_interval")
    targets = tuple(
        item.text
        for static in body.mappings("static_configs")
        for item in static.sequence("targets")
        if isinstance(item, Scalar)
    )
    return ScrapeJob(
        name.value if name else "",
        targets,
        path.value if path else "/metrics",
        seconds(interval.value) if interval else None,
        any(pair.key.value.endswith("_sd_configs") for pair in body.pairs),
        body,
    )


def alert_rules(document: Document, top: tuple[Node, ...]) -> Iterator[AlertRule]:
    """The rules of a rule file, or of a PrometheusRule object of kubernetes."""
    production = not is_development(document.path)
    for root in top:
        found = root.mapping("spec") if isinstance(root, Mapping) and root.get("spec", "groups") else root
        for group in found.mappings("groups") if isinstance(found, Mapping) else ():
            name = group.scalar("name")
            for body in group.mappings("rules"):
                rule = _rule(body, name.value if name else "", production=production)
                if rule:
                    yield rule


def _rule(body: Mapping, group: str, *, production: bool) -> AlertRule | None:
    name, expression = body.scalar("alert") or body.scalar("record"), body.scalar("expr")
    if name is None or expression is None:
        return None
    wait, severity = body.scalar("for"), body.scalar("labels", "severity")
    return AlertRule(
        name.value,
        body.scalar("alert") is not None,
        expression,
        seconds(wait.value) if wait else None,
        severity.value if severity else None,
        group,
        body,
        production,
    )


def dashboards(document: Document, top: tuple[Node, ...]) -> Iterator[Dashboard]:
    """A dashboard, as Grafana exports it or inside the `dashboard` key of its API."""
    for root in top:
        body = root.mapping("dashboard") or root if isinstance(root, Mapping) else None
        if body and (body.sequence("panels") or body.sequence("rows")):
            title = body.scalar("title")
            expressions = tuple(_expressions(body, 0))
            production = not is_development(document.path)
            yield Dashboard(document.path, title.value if title else "", expressions, production)


def _expressions(node: Mapping, depth: int) -> Iterator[Text]:
    for target in node.mappings("targets"):
        expression = target.scalar("expr")
        if expression:
            yield expression
    for key in ("panels", "rows"):
        listed = node.get(key)
        for inner in listed.items if isinstance(listed, Sequence) and depth < DEEPEST_PANEL else ():
            if isinstance(inner, Mapping):
                yield from _expressions(inner, depth + 1)
