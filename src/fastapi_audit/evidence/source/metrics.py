"""What the application measures: the metrics that it defines and the exporters that it attaches."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source.code import Call
from fastapi_audit.evidence.source.values import Listing, Value, literal

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.link import Source

PROMETHEUS = tuple(f"prometheus_client.{kind}" for kind in ("Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"))
METER = ("create_counter", "create_histogram", "create_up_down_counter", "create_gauge", "create_observable_gauge")
EXPORTERS = (
    "prometheus_client",
    "prometheus_fastapi_instrumentator",
    "starlette_exporter",
    "starlette_prometheus",
    "opentelemetry",
    "aioprometheus",
    "ddtrace",
    "datadog",
    "statsd",
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One counter, gauge, histogram or summary of Prometheus or OpenTelemetry."""

    kind: str
    """`Counter`, `Gauge`, `Histogram`, `Summary`, or the meter's method."""
    name: str
    labels: tuple[str, ...]
    """The names of its labels as far as they are constants; empty for OpenTelemetry."""
    call: Call

    @property
    def words(self) -> str:
        """Name, variable and labels, lower case: what it is about."""
        return " ".join((self.name, self.call.assigned_to or "", *self.labels)).lower()


def metrics_of(source: "Source") -> Iterator[Metric]:
    """Every metric that the application's code defines, in the order of the files."""
    for call in source.calls_to(*PROMETHEUS):
        name = call.argument("name", 0)
        labels = call.argument("labelnames", 2)
        text = name.constant if name is not None else None
        known = _names(labels.value) if labels is not None else ()
        yield Metric((call.name or "").rpartition(".")[2], text if isinstance(text, str) else "", known, call)
    for body in source.bodies:
        for call in body.calls:
            if call.method in METER:
                name = call.argument("name", 0)
                text = name.constant if name is not None else None
                yield Metric(call.method, text if isinstance(text, str) else "", (), call)


def _names(labels: Value) -> tuple[str, ...]:
    if isinstance(labels, Listing):
        return tuple(found for item in labels.items if isinstance(found := literal(item), str))
    return ()
