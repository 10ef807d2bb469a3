"""What the application measures: the metrics that it defines and the exporters that it attaches."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source.code import Call
from fastapi_audit.evidence.source.values import Listing, Value, literal

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.link import Source

PROMETHEUS = tuple(f"prometheus_client.{kind}" for kind in ("Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"))
EXPORTED = {
    "Counter": ("_total", "_created"),
    "Gauge": ("",),
    "Histogram": ("_bucket", "_count", "_sum", "_created"),
    "Summary": ("_count", "_sum", "_created"),
    "Info": ("_info",),
    "Enum": ("",),
}
"""What prometheus_client adds to the name of each kind."""
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
    def full_name(self) -> str | None:
        """With namespace, subsystem and unit, as Prometheus writes it; `None` where only running tells."""
        given = [self.call.argument(name) for name in ("namespace", "subsystem")]
        parts = [*(p.constant for p in given if p is not None), self.name, *self._unit]
        known = all(isinstance(part, str) for part in parts) and bool(self.name) and not self.call.spreads
        return "_".join(str(part) for part in parts if part) if known and self.kind in EXPORTED else None

    @property
    def _unit(self) -> tuple[object, ...]:
        unit = self.call.argument("unit")
        written = unit.constant if unit is not None else ""
        return () if isinstance(written, str) and self.name.endswith(f"_{written}") else (written,)

    @property
    def series(self) -> frozenset[str]:
        """The names of the series that Prometheus gets from it; none where only running tells."""
        name = self.full_name
        if name is None:
            return frozenset()
        base = name.removesuffix("_total") if self.kind == "Counter" else name
        return frozenset(f"{base}{ending}" for ending in EXPORTED[self.kind])

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
