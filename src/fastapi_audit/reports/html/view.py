"""What the page shows, in its order: the scorecard arranged for a reader, every foreign text made visible."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from fastapi_audit.model import (
    Finding,
    ItemScore,
    LatencyRow,
    Outcome,
    Result,
    RouteRow,
    Scorecard,
    Severity,
    Status,
    Suppression,
)
from fastapi_audit.reports import Material, load, severity_of
from fastapi_audit.reports.cells import visible
from fastapi_audit.reports.change import Change, change_of
from fastapi_audit.reports.figures import Told, told
from fastapi_audit.reports.html.diffs import DiffLine, Diffs
from fastapi_audit.reports.html.excerpts import Excerpts, SourceLine
from fastapi_audit.reports.html.text import lines
from fastapi_audit.rule import Rule
from fastapi_audit.scoring import CONSTANTS, Constants, gains

SHOWN = 2_000
"""Findings; a page of more is of no use to a reader, and the JSON in it has all."""

OPEN = 30
"""Findings that are unfolded from the start, when there are no more than so many."""

GOOD, FAIR = 90, 50
"""Lighthouse's bands."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one kind of evidence saw."""

    kind: str
    message: str
    request: tuple[str, ...]
    response: tuple[str, ...]
    reproduction: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call chain."""

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding as it is shown."""

    finding: Finding
    severity: Severity
    place: str
    operation: str
    source: tuple[SourceLine, ...]
    steps: tuple[Step, ...]
    fix: str
    diff: tuple[DiffLine, ...]
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one rule, with what the rule says of itself."""

    name: str
    item: ItemScore
    rule: Rule | None
    severity: Severity
    points: float
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Repair:
    """What repairing the findings of a rule would bring."""

    rule: str
    title: str
    findings: int
    points: float
    score: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """A finding that does not count, and why."""

    rule: str
    place: str
    message: str
    why: str
    reason: str


class View:
    """The page's content, each part worked out once."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.card: Scorecard = material.scorecard
        self.excerpts = Excerpts(material.text)
        self.diffs = Diffs(material.text)

    @property
    def project(self) -> str:
        """How the project is called."""
        return visible(self.card.project)

    @cached_property
    def found(self) -> list[Finding]:
        """What counts, the most severe and costly first."""
        return sorted(self.material.open_findings, key=lambda f: (severity_of(f).rank, f.rule, f.order))

    @property
    def left_out(self) -> int:
        """Findings that the page has no room for."""
        return max(0, len(self.found) - SHOWN)

    @property
    def unfolded(self) -> bool:
        """Whether the findings are few enough to be open from the start."""
        return len(self.found) <= OPEN

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The findings by rule, in the order of what repairing them brings."""
        order = {repair.rule: number for number, repair in enumerate(self.repairs)}
        shown = sorted(self.found[:SHOWN], key=lambda f: (order.get(f.rule, len(order)), f.rule, f.order))
        return tuple(self._group(name, list(findings)) for name, findings in groupby(shown, lambda f: f.rule))

    @cached_property
    def repairs(self) -> tuple[Repair, ...]:
        """All rules with findings, the most gain first."""
        titles = {name: rule.title for name, rule in self.material.rules.items()}
        raw = self.card.raw or 0.0
        return tuple(
            Repair(gain.rule, titles.get(gain.rule, ""), gain.findings, gain.raw - raw, gain.score)
            for gain in gains(self.card.results)
        )

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Findings by severity, for the filters."""
        counted = Counter(str(severity_of(finding)) for finding in self.found[:SHOWN])
        return {severity: counted[severity] for severity in Severity if counted[severity]}

    @cached_property
    def by_item(self) -> Mapping[int, int]:
        """Open findings of each item."""
        return Counter(finding.item for finding in self.found)

    @cached_property
    def costs(self) -> Mapping[int, float]:
        """Points that the findings of each item cost."""
        costs = {item.number: 0.0 for item in self.card.items}
        for finding in self.found:
            costs[finding.item] = costs.get(finding.item, 0.0) + finding.points
        return costs

    @cached_property
    def results(self) -> Mapping[str, list[Result]]:
        """Rules without findings, by what came of them."""
        titles = {
            Outcome.PASS: "Passed",
            Outcome.NOT_APPLICABLE: "Not applicable",
            Outcome.NOT_RUN: "Not run",
            Outcome.ERROR: "Crashed",
        }
        results = self.card.results
        return {title: [each for each in results if each.outcome is outcome] for outcome, title in titles.items()}

    @cached_property
    def hidden(self) -> tuple[Hidden, ...]:
        """Suppressed, baselined and refuted findings."""
        return tuple(self._hidden(finding) for finding in self.card.findings if not finding.counts)

    @cached_property
    def measured(self) -> Mapping[str, LatencyRow]:
        """Latency by operation."""
        return {row.operation: row for row in self.card.latencies if row.operation}

    @property
    def whole(self) -> LatencyRow | None:
        """The latency of the whole service."""
        return next((row for row in self.card.latencies if row.operation is None), None)

    @property
    def measured_share(self) -> str:
        """How many operations the load has asked."""
        return load.extent(self.card)

    @property
    def targets(self) -> tuple[load.Measured, ...]:
        """How far it decides anything."""
        return tuple(load.told(self.card))

    @property
    def figures(self) -> tuple[Told, ...]:
        """What the service exports of itself."""
        return tuple(told(self.card))

    def latency(self, route: RouteRow) -> LatencyRow | None:
        """Of one route, when it was measured."""
        return next((row for method in route.methods if (row := self.measured.get(f"{method} {route.path}"))), None)

    def route_findings(self, route: RouteRow) -> int:
        """Open findings that name the route."""
        return sum(self.by_operation[f"{method} {route.path}"] for method in set(route.methods))

    @cached_property
    def by_operation(self) -> Counter[str | None]:
        """Open findings of each operation."""
        return Counter(finding.operation for finding in self.found)

    @cached_property
    def change(self) -> Change | None:
        """Against the earlier scorecard, when one was given."""
        return change_of(self.material)

    @property
    def constants(self) -> Constants:
        """Of the score."""
        return CONSTANTS

    def band(self, score: float | None) -> str:
        """The colour of a score, by a name."""
        return band(score)

    def visible(self, text: object) -> str:
        """A foreign text with nothing hidden in it."""
        return visible(str(text))

    def _group(self, name: str, findings: list[Finding]) -> Group:
        item = next(item for item in self.card.items if item.number == findings[0].item)
        entries = tuple(self._entry(finding) for finding in findings)
        worst = min((entry.severity for entry in entries), key=lambda severity: severity.rank)
        points = sum(finding.points for finding in findings)
        return Group(name, item, self.material.rules.get(name), worst, points, entries)

    def _entry(self, finding: Finding) -> Entry:
        return Entry(
            finding,
            severity_of(finding),
            self._place(finding),
            visible(finding.operation or ""),
            tuple(self.excerpts.at(finding.location)) if finding.location else (),
            tuple(
                Step(visible(self.material.shown(f"{step.location.path}:{step.location.line}")), visible(step.message))
                for step in finding.trace
            ),
            visible(finding.fix.title) if finding.fix else "",
            tuple(self.diffs.of(finding.fix)) if finding.fix else (),
            tuple(self._exchanges(finding)),
        )

    def _exchanges(self, finding: Finding) -> Iterator[Exchange]:
        for seen in finding.observations:
            request = lines(seen.request) if seen.request else ()
            response = lines(seen.response) if seen.response else ()
            yield Exchange(seen.kind, visible(seen.message), request, response, visible(seen.reproduction))

    def _place(self, finding: Finding) -> str:
        return visible(self.material.shown(str(finding.location))) if finding.location else ""

    def _hidden(self, finding: Finding) -> Hidden:
        suppression = finding.suppressed or Suppression(Status.REFUTED, _refutation(finding))
        place = self._place(finding) or visible(finding.operation or "")
        return Hidden(finding.rule, place, finding.message, suppression.kind, visible(suppression.reason))


def _refutation(finding: Finding) -> str:
    return finding.observations[-1].message if finding.observations else ""


def band(score: float | None) -> str:
    """`good`, `fair`, `poor`, or `unknown`."""
    if score is None:
        return "unknown"
    return "good" if score >= GOOD else "fair" if score >= FAIR else "poor"
