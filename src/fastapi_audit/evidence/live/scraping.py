"""What `/metrics` says: the text that Prometheus scrapes, read within bounds, and what moved between two readings."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

TEXT_LIMIT = 2_000_000
"""Bytes of one answer."""
LINE_LIMIT = 4_096
"""Characters of one line: the parser looks back over a line for each of its quotes."""
LINES = 40_000
READING_SECONDS = 3.0
NUMBER = 1e300

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]


class Unreadable(Exception):  # noqa: N818  nothing is wrong with the probe
    """Why a text is none that Prometheus could scrape."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of the text."""

    name: str
    labels: Labels
    kind: str
    """`counter`, `gauge`, `histogram`, `summary` or `unknown`, as the text declares it."""
    value: float

    @property
    def key(self) -> Key:
        return self.name, self.labels

    @property
    def only_rises(self) -> bool:
        """Whether a smaller value later means that somebody else counted."""
        suffixes = ("_count", "_bucket")
        return self.kind == "counter" or (self.kind == "histogram" and self.name.endswith(suffixes))

    def label(self, *names: str) -> str:
        """The value of the first of these labels that it has."""
        given = dict(self.labels)
        return next((given[name] for name in names if name in given), "")


Reading = Mapping[Key, Series]
"""One whole scrape."""


def read(text: str) -> Reading:
    """Every series of the text; raises `Unreadable`."""
    try:
        from prometheus_client.parser import text_fd_to_metric_families  # noqa: PLC0415  only the extra `probe` has it
    except ImportError:
        message = "reading metrics needs prometheus-client: install fastapi-audit-cli[probe]"
        raise Unreadable(message) from None
    read: dict[Key, Series] = {}
    try:
        # It takes anything that gives lines, so the bounds can stand where they are given.
        for family in text_fd_to_metric_families(_lines(text)):  # type: ignore[arg-type]
            for sample in family.samples:
                labels = tuple(sorted((str(name), str(value)) for name, value in sample.labels.items()))
                series = Series(sample.name, labels, _kind(sample.name, family.type), _number(sample.value))
                read[series.key] = series
    except (ValueError, IndexError, KeyError, OverflowError):
        message = "it is not the text that Prometheus reads"
        raise Unreadable(message) from None
    if not read:
        message = "it has no series"
        raise Unreadable(message)
    return read


def _kind(name: str, declared: str) -> str:
    """OpenMetrics declares a counter without the end of its name."""
    undeclared = declared not in ("counter", "gauge", "histogram", "summary")
    return "counter" if undeclared and name.endswith("_total") else declared


def _lines(text: str) -> Iterator[str]:
    deadline = time.monotonic() + READING_SECONDS
    for number, line in enumerate(text.split("\n")):
        if number >= LINES or len(line) > LINE_LIMIT or time.monotonic() > deadline:
            message = f"more than {LINES:,} lines, {LINE_LIMIT:,} characters a line or {READING_SECONDS:g} s to read it"
            raise Unreadable(message)
        yield line


def _number(value: float) -> float:
    """A whole number in the text may be larger than any float."""
    return float(value) if abs(value) < NUMBER else math.inf


def moved(before: Reading, after: Reading) -> Iterator[Series]:
    """How far each series that only rises has risen; one that is new has risen from nothing."""
    for key, series in after.items():
        if series.only_rises and math.isfinite(series.value):
            earlier = before.get(key)
            risen = series.value - (earlier.value if earlier and math.isfinite(earlier.value) else 0.0)
            yield Series(series.name, series.labels, series.kind, max(risen, 0.0))


@dataclass(frozen=True, slots=True)
class Jump:
    """One series that fell and rose again to where it was: no restart does that."""

    name: str
    values: tuple[float, ...]
    """In the order of the scrapes."""


def jump(rounds: Sequence[Sequence[Reading]]) -> Jump | None:
    """The first series whose value falls and comes back: every scrape read whichever process took it.

    The rounds follow each other; the readings of one round were made at once, so that their order says nothing.
    """
    read = [each for each in rounds if each]
    if not read:
        return None
    for key in sorted(key for key, series in read[-1][-1].items() if series.only_rises):
        values = [found for each in read if (found := [reading[key].value for reading in each if key in reading])]
        if _falls_and_comes_back(values):
            return Jump(key[0], tuple(value for each in values for value in each))
    return None


def _falls_and_comes_back(rounds: Iterable[Sequence[float]]) -> bool:
    highest, fallen = -math.inf, False
    for values in rounds:
        fallen = fallen or min(values) < highest
        if fallen and max(values) >= highest:
            return True
        highest = max(highest, *values)
    return False
