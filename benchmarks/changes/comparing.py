"""Two JSON scorecards of one application: which findings came, which went, and which rules ended otherwise."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SHOWN = 10
"""Places of one rule that are listed; the line above them has all in its count."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One finding, as far as two scans are compared by it."""

    rule: str
    path: str
    line: int
    hidden: str
    """Why it does not count, such as `confidence`; what is hidden from now on is lost."""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.path else "the whole service"
        return f"{place} (hidden by {self.hidden})" if self.hidden else place


@dataclass(frozen=True, slots=True)
class Changes:
    """Between a scorecard that was kept and one of today."""

    kept: int
    """How many findings there were."""
    lost: Counter[Found]
    added: Counter[Found]
    outcomes: Mapping[str, tuple[str, str]]
    """Of rules without lost or added findings that ended otherwise: before and now."""
    routes: tuple[int, int]

    @classmethod
    def between(cls, kept: Document, today: Document) -> "Changes":
        """Findings by rule, path and line: the tree is the same one, so no line moves."""
        before, now = Counter(_found(kept)), Counter(_found(today))
        lost, added = before - now, now - before
        told = {each.rule for each in (lost | added)}
        ended, ends = _outcomes(kept), _outcomes(today)
        both = sorted((ended.keys() & ends.keys()) - told)
        outcomes = {rule: (ended[rule], ends[rule]) for rule in both if ended[rule] != ends[rule]}
        return cls(before.total(), lost, added, outcomes, (len(kept["routes"]), len(today["routes"])))

    def __bool__(self) -> bool:
        return bool(self.lost or self.added or self.outcomes) or self.routes[0] != self.routes[1]

    def lines(self) -> Iterator[str]:
        """By rule, the one that lost most first."""
        before, now = self.routes
        if before != now:
            yield f"  {before} routes before, {now} now"
        by_rule: dict[str, tuple[list[Found], list[Found]]] = defaultdict(lambda: ([], []))
        for side, findings in enumerate((self.lost, self.added)):
            for finding in findings.elements():
                by_rule[finding.rule][side].append(finding)
        for rule, (lost, added) in sorted(by_rule.items(), key=lambda pair: (-len(pair[1][0]), pair[0])):
            yield f"  {rule}: {len(lost)} lost, {len(added)} added"
            yield from _listed("-", lost)
            yield from _listed("+", added)
        for rule, (ended, ends) in self.outcomes.items():
            yield f"  {rule}: was {ended}, is {ends}"


def _found(document: Document) -> Iterator[Found]:
    for finding in document["findings"]:
        place = finding["location"] or {"path": "", "line": 0}
        hidden = (finding["suppressed"] or {"kind": ""})["kind"]
        yield Found(finding["rule"], place["path"], place["line"], hidden)


def _outcomes(document: Document) -> dict[str, str]:
    return {rule["name"]: rule["outcome"] for rule in document["rules"]}


def _listed(sign: str, findings: list[Found]) -> Iterator[str]:
    for finding in sorted(findings)[:SHOWN]:
        yield f"    {sign} {finding}"
    if len(findings) > SHOWN:
        yield f"    {sign} and {len(findings) - SHOWN} more"
