"""What the running application says of itself on the wire: experiments are made on request, and rules judge them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from fastapi_audit.evidence.live.experiments import every
from fastapi_audit.evidence.live.experiments.exported_metrics import ExportedMetrics
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.probing import Probing
from fastapi_audit.evidence.live.session import Experiment, Loaded
from fastapi_audit.model import LatencyRow

Progress = Callable[[str, int, float], None]
"""Called with what is being done, the requests sent and the seconds left."""

EXPERIMENTS: Mapping[type, Experiment] = MappingProxyType({each.noun: each for each in every()})
"""Live noun → the experiment that yields it; what rules may ask for."""


@dataclass(frozen=True, slots=True)
class Live:
    """What a probe has seen."""

    shown_at: str
    """The address of the service as reports show it; the port of a server that we started differs from run to run."""
    subjects: Mapping[type, Sequence[object]] = field(default_factory=dict)
    not_run: Mapping[type, str] = field(default_factory=dict)
    """Live noun → why nothing, or not everything, is known of it."""
    crashed: Mapping[type, str] = field(default_factory=dict)
    """Live noun → the bug in its experiment."""
    extents: Mapping[type, str] = field(default_factory=dict)
    """Live noun → how much of the service was looked at, where that is not all: `3 of 5 operations answered well`."""
    operations: tuple[ServedOperation, ...] = ()
    no_operations: str = ""
    """Why they are not known."""
    requests: int = 0
    latencies: tuple[LatencyRow, ...] = ()
    loaded: Loaded | None = None
    """Which share of the operations the load has asked; `None` without a load."""
    exported: ExportedMetrics | None = None
    """What the service exports of itself."""
    locustfile: str = ""
    """The measured load as a file for Locust; empty when no operation may be called."""
    ended: str = ""
    """Why the probe ended before its end: a limit, or the user."""
    interrupted: bool = False
    """Whether it was the user."""


def probe(probing: Probing, wanted: Iterable[type], progress: Progress | None = None) -> Live:
    """Makes the experiments whose nouns are wanted, as far as they are permitted.

    Raises `UsageError` before any packet for a host that may not be probed, `IncompleteError` when the service does not
    start or answer at all. Ctrl-C ends it at once, with what was gathered so far.
    """
    # Late, so that a scan does not load asyncio, httpx and subprocess for it.
    from fastapi_audit.evidence.live.conducting import conduct  # noqa: PLC0415

    return conduct(probing, [EXPERIMENTS[noun] for noun in EXPERIMENTS if noun in set(wanted)], progress)
