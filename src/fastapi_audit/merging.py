"""Joins what several kinds of evidence say of one rule: confirmed, refuted, or side by side; pure and free of order."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fastapi_audit.model import (
    UNGATHERED,
    Confidence,
    EvidenceKind,
    Finding,
    Location,
    Observation,
    Outcome,
    Refutation,
    Result,
    RouteRow,
    Severity,
    Status,
    Suppression,
)

CONVERTER = re.compile(r"\{(\w+):\w+\}")
SOONEST = (Outcome.ERROR, Outcome.FAIL, Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_RUN)
"""Of two outcomes, the first of these says more; a rule that crashed anywhere is not known."""


def merged(runs: Sequence[Sequence[Result]], routes: Sequence[RouteRow] = ()) -> tuple[Result, ...]:
    """The results of several runs as one, in the order of the first that has the rule.

    Findings of one rule are one when they share a place, or an operation; what a service shows as a whole speaks of
    every finding of its rule in the files.
    """
    by_rule: dict[str, list[Result]] = {}
    for run in runs:
        for result in run:
            by_rule.setdefault(result.rule, []).append(result)
    operations = _Operations.of(routes)
    return tuple(_merged(results, operations) for results in by_rule.values())


@dataclass(frozen=True, slots=True)
class _Operations:
    """What the route table knows of operations: which are one route, and where its handler stands."""

    routes: Mapping[str, RouteRow] = field(default_factory=dict)

    @classmethod
    def of(cls, routes: Iterable[RouteRow]) -> "_Operations":
        known: dict[str, RouteRow] = {}
        for route in routes:
            for method in route.methods:
                known.setdefault(_plain(f"{method} {route.path}"), route)
        return cls(known)

    def key(self, operation: str) -> object:
        """The same for all methods of one route."""
        route = self.routes.get(_plain(operation))
        return (route.location, route.path) if route else _plain(operation)

    def place(self, operation: str) -> Location | None:
        """Where its handler stands."""
        route = self.routes.get(_plain(operation))
        return route.location if route else None


def _plain(operation: str) -> str:
    """`GET /files/{path:path}` as an OpenAPI description has it."""
    return CONVERTER.sub(r"{\1}", operation)


def _merged(results: Sequence[Result], operations: _Operations) -> Result:
    if len(results) == 1 and not results[0].findings and not results[0].refutations:
        return results[0]
    refutations = tuple(dict.fromkeys(each for result in results for each in result.refutations))
    findings = _joined([finding for result in results for finding in result.findings], operations)
    judged = tuple(_judged(finding, refutations, operations) for finding in findings)
    soonest = min(results, key=lambda result: SOONEST.index(result.outcome))
    outcome = soonest.outcome
    if outcome is Outcome.FAIL and not any(finding.counts for finding in judged):
        outcome = Outcome.PASS
    return replace(
        soonest,
        outcome=outcome,
        subjects=max(result.subjects for result in results),
        findings=tuple(sorted(judged, key=lambda finding: finding.order)),
        reason=_reason(outcome, judged, results),
        refutations=refutations,
    )


def _reason(outcome: Outcome, findings: Sequence[Finding], results: Sequence[Result]) -> str:
    refuted = sum(finding.status is Status.REFUTED for finding in findings)
    if outcome is Outcome.PASS and refuted:
        return f"the running service refutes what was suspected ({refuted})"
    told = [each for each in results if each.outcome is outcome and each.reason]
    # What a run has looked at says more than that another has not looked.
    told.sort(key=lambda each: (not each.subjects, each.reason.endswith(UNGATHERED)))
    return told[0].reason if told else ""


def _joined(findings: Sequence[Finding], operations: _Operations) -> Iterator[Finding]:
    """Findings of one rule, those of the files first: they know the place."""
    still, seen = [f for f in findings if not _on_the_wire(f)], [f for f in findings if _on_the_wire(f)]
    by_place = list(_by_place(still))
    apart = [each for finding in seen for each in _apart(finding, still, operations)]
    placed = [_placed(finding, operations) for finding in apart]
    used: set[int] = set()
    for finding in by_place:
        speaking = [each for each in placed if _speaks_of(each, finding, operations)]
        used.update(map(id, speaking))
        yield _confirmed(finding, speaking)
    yield from _by_operation([each for each in placed if id(each) not in used], operations)


def _apart(seen: Finding, still: Iterable[Finding], operations: _Operations) -> Iterator[Finding]:
    """What was seen of several operations, without those that the files speak of: these are findings of their own."""
    if not seen.also or seen.location or seen.operation is None:
        yield seen
        return
    spoken_of = {operations.key(each.operation) for each in still if each.operation}
    every = (seen.operation, *seen.also)
    alone = [each for each in every if operations.key(each) in spoken_of]
    rest = [each for each in every if each not in alone]
    for each in alone:
        yield replace(seen, operation=each, also=())
    if rest:
        yield replace(seen, operation=rest[0], also=tuple(rest[1:]))


def _on_the_wire(finding: Finding) -> bool:
    """Whether the running service alone says so; what was joined before knows its place in the files."""
    return set(finding.evidence) == {EvidenceKind.LIVE}


def _by_place(findings: Iterable[Finding]) -> Iterator[Finding]:
    at: dict[object, Finding] = {}
    for finding in findings:
        key = finding.location or (finding.operation, finding.message)
        at[key] = _confirmed(at[key], [finding]) if key in at else finding
    yield from at.values()


def _by_operation(findings: Iterable[Finding], operations: _Operations) -> Iterator[Finding]:
    """Findings that share an operation are one; those of one cause speak of several."""
    kept: list[Finding] = []
    at: dict[object, int] = {}
    for finding in findings:
        every = (finding.operation, *finding.also) if finding.operation else ()
        keys: list[object] = [operations.key(each) for each in every] or [finding.message]
        place = next((at[key] for key in keys if key in at), len(kept))
        at.update(dict.fromkeys(keys, place))
        if place == len(kept):
            kept.append(finding)
        else:
            kept[place] = _confirmed(kept[place], [finding])
    yield from kept


def _placed(finding: Finding, operations: _Operations) -> Finding:
    """At the handler of its operation, where the route table knows it."""
    if finding.location or finding.operation is None:
        return finding
    return replace(finding, location=operations.place(finding.operation))


def _speaks_of(seen: Finding, finding: Finding, operations: _Operations) -> bool:
    if seen.operation is None and seen.location is None:
        return True
    if seen.location is not None and finding.location is not None and seen.location in finding.location:
        return True
    if seen.location is not None and seen.operation and seen.location != operations.place(seen.operation):
        # It knows its line, which is another one.
        return False
    if seen.operation is None or finding.operation is None:
        return False
    return operations.key(seen.operation) == operations.key(finding.operation)


def _confirmed(finding: Finding, others: Sequence[Finding]) -> Finding:
    """The finding with what the others saw; the words of the first are kept, the words of the rest are observations."""
    for other in others:
        told = other.observations or _told(other)
        kinds = tuple(kind for kind in EvidenceKind if kind in {*finding.evidence, *other.evidence})
        confirmed = Status.CONFIRMED in (finding.status, other.status)
        finding = replace(
            finding,
            observations=tuple(dict.fromkeys((*finding.observations, *told))),
            evidence=kinds,
            status=Status.CONFIRMED if confirmed else finding.status,
            severity=_worse(finding.severity, other.severity),
            confidence=Confidence.HIGH if confirmed else finding.confidence,
            fix=finding.fix or other.fix,
            suppressed=_suppressed(finding, other, confirmed=confirmed),
            also=_also(finding, other),
        )
    return finding


def _also(finding: Finding, other: Finding) -> tuple[str, ...]:
    if not finding.also and not other.also:
        return ()
    every = {*finding.also, *other.also, *filter(None, (other.operation,))}
    return tuple(sorted(every - {finding.operation}))


def _told(finding: Finding) -> tuple[Observation, ...]:
    return (Observation(finding.evidence[0], finding.message),) if EvidenceKind.LIVE in finding.evidence else ()


def _suppressed(finding: Finding, other: Finding, *, confirmed: bool) -> Suppression | None:
    """What the user has silenced stays so; what was only not sure enough is sure now."""
    hidden = [each for each in (finding.suppressed, other.suppressed) if each is not None]
    return next((each for each in hidden if not (confirmed and each.kind == "confidence")), None)


def _worse(one: Severity | None, other: Severity | None) -> Severity | None:
    known = [each for each in (one, other) if each is not None]
    return min(known, key=lambda each: each.rank, default=None)


def _judged(finding: Finding, refutations: Sequence[Refutation], operations: _Operations) -> Finding:
    """With what speaks against it; a finding that was seen on the wire stands all the same."""
    against = [each for each in refutations if _refutes(each, finding, operations)]
    if not against:
        return finding
    told = tuple(seen for each in against for seen in _against(each))
    observed = tuple(dict.fromkeys((*finding.observations, *told)))
    if EvidenceKind.LIVE in finding.evidence and finding.status is Status.CONFIRMED:
        return replace(finding, observations=observed)
    return replace(finding, observations=observed, status=Status.REFUTED)


def _refutes(refutation: Refutation, finding: Finding, operations: _Operations) -> bool:
    if refutation.operation is None:
        return True
    return finding.operation is not None and operations.key(refutation.operation) == operations.key(finding.operation)


def _against(refutation: Refutation) -> tuple[Observation, ...]:
    """Each begins with the words of the refutation: they say what the exchange shows."""
    if not refutation.observations:
        return (Observation(EvidenceKind.LIVE, refutation.message),)
    first, *rest = refutation.observations
    return (replace(first, message=refutation.message), *rest)
