"""Weighs the results of the rules: one score, and for every finding what it costs; pure and free of order.

A rule that finds something in M of its N subjects loses half of its value for being there at all and half for how
often; the losses of an item's rules multiply; the items are weighed by the checklist. What is left of the whole is
raised to a power, so that services that differ have scores that differ. Findings beyond doubt put a cap on the score.
CONSTANTS is the whole table.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fastapi_audit.checklist import ITEMS, Item
from fastapi_audit.model import Cap, Confidence, EvidenceKind, Finding, ItemScore, Outcome, Result, Severity, Status

MODEL = 2
"""Rises with every change of a constant or of the formula; scores of two models are not compared."""


@dataclass(frozen=True, slots=True)
class Constants:
    """Everything about the score that is a matter of judgement."""

    severity: Mapping[Severity, float] = field(
        default_factory=lambda: {
            Severity.CRITICAL: 0.95,
            Severity.HIGH: 0.80,
            Severity.MEDIUM: 0.50,
            Severity.LOW: 0.20,
        }
    )
    """What a finding takes of its item when it is certain and everywhere."""
    live: float = 1.0
    """How far a finding is believed that was seen on the wire."""
    app: float = 0.95
    """The same, when the loaded application shows it."""
    static: Mapping[Confidence, float] = field(
        default_factory=lambda: {Confidence.HIGH: 0.90, Confidence.MEDIUM: 0.70, Confidence.LOW: 0.40}
    )
    """The same, when files alone say so."""
    presence: float = 0.5
    """The share of a rule's loss for being there at all; the rest is for how often."""
    fewest_subjects: int = 8
    """A rule with fewer subjects is weighed as if it had so many, so that tiny projects are not all or nothing."""
    steepness: float = 2.0
    """The power of what is left. With 1, real services crowd between 67 and 96."""
    caps_confirmed: Mapping[Severity, int] = field(default_factory=lambda: {Severity.CRITICAL: 59, Severity.HIGH: 79})
    caps_static: Mapping[Severity, int] = field(default_factory=lambda: {Severity.CRITICAL: 69, Severity.HIGH: 89})
    """Only with high confidence: a guess never holds a score."""
    grades: tuple[tuple[int, str], ...] = ((97, "A+"), (90, "A"), (80, "B"), (70, "C"), (60, "D"), (0, "F"))
    coverage_for_grade: float = 0.5
    coverage_for_best: float = 0.9


CONSTANTS = Constants()


@dataclass(frozen=True, slots=True)
class Score:
    """The weighed audit."""

    results: tuple[Result, ...]
    """As given, every finding with its points; the points add up to 100 minus `final`."""
    items: tuple[ItemScore, ...]
    raw: float | None
    """Without caps; `None` when nothing was assessed."""
    final: float | None
    score: int | None
    """`final`, rounded down."""
    grade: str
    coverage: float
    caps: tuple[Cap, ...]


@dataclass(frozen=True, slots=True)
class Gain:
    """What it would bring to repair everything that one rule found."""

    rule: str
    findings: int
    score: int
    raw: float


def score(results: Sequence[Result], items: Sequence[Item] = ITEMS) -> Score:
    """Weighs the results of all rules; suppressed and refuted findings cost nothing."""
    results = tuple(map(_complete, results))
    losses = [_ItemLoss(item, [r for r in results if r.item == item.number]) for item in items]
    share = math.fsum(loss.item.weight for loss in losses if loss.known)
    coverage = share / math.fsum(item.weight for item in items)
    rows = tuple(loss.row for loss in losses)
    if not share:
        return Score(results, rows, None, None, None, "n/a", 0.0, ())
    points = dict(point for loss in losses for point in loss.points(share))
    raw, price = _steep(math.fsum(points.values()) / 100)
    points = {finding: part * price for finding, part in points.items()}
    cap, holding = _cap(finding for loss in losses if loss.assessed for finding in loss.findings)
    final = min(raw, float(cap))
    for finding in holding if final < raw else ():
        points[id(finding)] += (raw - final) / len(holding)
    whole = _whole(final)
    caps = (_explained(cap, holding),) if final < raw else ()
    return Score(_priced(results, points), rows, raw, final, whole, grade(whole, coverage), coverage, caps)


def grade(score: int, coverage: float) -> str:
    """The letter; `n/a` when too little was assessed to speak of one."""
    if coverage < CONSTANTS.coverage_for_grade:
        return "n/a"
    letter = next(letter for limit, letter in CONSTANTS.grades if score >= limit)
    return "A" if letter == "A+" and coverage < CONSTANTS.coverage_for_best else letter


def gains(results: Sequence[Result], items: Sequence[Item] = ITEMS) -> tuple[Gain, ...]:
    """What repairing each rule's findings would bring, the most first; under a cap only the raw score may move."""
    results = tuple(map(_complete, results))
    losses = [_ItemLoss(item, [r for r in results if r.item == item.number]) for item in items]
    return tuple(sorted(_gains(losses), key=lambda gain: (-gain.score, -gain.raw, gain.rule)))


def _gains(losses: Sequence["_ItemLoss"]) -> Iterator[Gain]:
    share = math.fsum(loss.item.weight for loss in losses if loss.known)
    limits = {id(r): _cap(_counted(r))[0] for loss in losses if loss.assessed for r in loss.results}
    costs = {loss.item.number: loss.item.weight * loss.lost / share for loss in losses if loss.assessed}
    for loss in losses:
        for number, result in enumerate(loss.results):
            if not (counted := len(_counted(result))) or not share:
                continue
            # Only its own item is weighed again: weighing everything for each rule takes minutes of large audits.
            cost = {loss.item.number: loss.item.weight * loss.without(number) / share} if loss.assessed else {}
            raw, _ = _steep(math.fsum((costs | cost).values()))
            cap = min((limit for place, limit in limits.items() if place != id(result)), default=100)
            yield Gain(result.rule, counted, _whole(min(raw, float(cap))), raw)


def _whole(final: float) -> int:
    return math.floor(final + 1e-9)  # 88.999999999 is 89 that lost a bit in adding up


def _complete(result: Result) -> Result:
    """With findings that carry their severity and confidence, each an object of its own."""
    return replace(
        result,
        findings=tuple(
            replace(f, severity=f.severity or result.severity, confidence=f.confidence or Confidence.HIGH, points=0.0)
            for f in result.findings
        ),
    )


@dataclass(slots=True)
class _ItemLoss:
    """One item: whether it was assessed, and what its rules take from it."""

    item: Item
    results: Sequence[Result]
    weights: list[float] = field(init=False)
    """The loss of each rule on a scale where the losses of several rules add up."""

    def __post_init__(self) -> None:
        self.weights = [-math.log1p(-_loss(result)) for result in self.results]

    @property
    def outcome(self) -> Outcome:
        """Not known when a rule crashed or none ran: unknown is never a pass, and nothing to look at is no loss."""
        outcomes = {result.outcome for result in self.results}
        if Outcome.ERROR in outcomes:
            return Outcome.ERROR
        if outcomes & {Outcome.PASS, Outcome.FAIL}:
            return Outcome.FAIL if any(map(_counted, self.results)) else Outcome.PASS
        return Outcome.NOT_APPLICABLE if Outcome.NOT_APPLICABLE in outcomes else Outcome.NOT_RUN

    @property
    def assessed(self) -> bool:
        return self.outcome in (Outcome.PASS, Outcome.FAIL)

    @property
    def known(self) -> bool:
        """Whether it stays in the denominator. What is not applicable does: removing a feature must not cost."""
        return self.assessed or self.outcome is Outcome.NOT_APPLICABLE

    @property
    def findings(self) -> Iterator[Finding]:
        return (finding for result in self.results for finding in _counted(result))

    @property
    def lost(self) -> float:
        """The share of the item that its rules take, 0 to 1."""
        return -math.expm1(-math.fsum(self.weights))

    def without(self, number: int) -> float:
        """The same share when everything that one of the rules found is repaired."""
        return -math.expm1(-math.fsum((*self.weights[:number], *self.weights[number + 1 :])))

    @property
    def row(self) -> ItemScore:
        item = self.item
        left = 100 * (1 - self.lost) if self.assessed else None
        return ItemScore(item.number, item.name, item.title, item.weight, left, self.outcome)

    def points(self, share: float) -> Iterator[tuple[int, float]]:
        """What each finding costs: the item's loss, split by the weights of the rules, then by the findings' values."""
        if not self.assessed or not self.lost:
            return
        cost = 100 * self.item.weight / share * self.lost / math.fsum(self.weights)
        for result, weight in zip(self.results, self.weights, strict=True):
            values = math.fsum(map(_value, _counted(result)))
            for finding in _counted(result):
                yield id(finding), cost * weight * _value(finding) / values


def _counted(result: Result) -> list[Finding]:
    return [finding for finding in result.findings if finding.counts]


def _loss(result: Result) -> float:
    """0 to 1: half for the worst finding, half for how much of what the rule looked at is hit."""
    units: dict[object, float] = {}
    for finding in _counted(result):
        unit = finding.operation or finding.location
        units[unit] = max(units.get(unit, 0.0), _value(finding))
    if not units:
        return 0.0
    worst = max(units.values())
    subjects = max(result.subjects, CONSTANTS.fewest_subjects, len(units))
    density = math.sqrt(worst * math.fsum(units.values()) / subjects)
    return CONSTANTS.presence * worst + (1 - CONSTANTS.presence) * density


def _value(finding: Finding) -> float:
    """What the finding is worth alone: how bad it is, as far as it is believed."""
    if finding.severity is None or finding.confidence is None:
        message = f"{finding.rule}: a finding is weighed with its severity and confidence"
        raise ValueError(message)
    if EvidenceKind.LIVE in finding.evidence:
        belief = CONSTANTS.live
    else:
        belief = CONSTANTS.app if _observed(finding) else CONSTANTS.static[finding.confidence]
    return CONSTANTS.severity[finding.severity] * belief


def _observed(finding: Finding) -> bool:
    """Whether more than files speaks for it."""
    running = {EvidenceKind.LIVE, EvidenceKind.APP} & set(finding.evidence)
    return bool(running) or finding.status is Status.CONFIRMED


def _steep(lost: float) -> tuple[float, float]:
    """The score without caps, and what a point of plain loss costs of it; `lost` is a share, 0 to 1."""
    taken = 1 - (1 - lost) ** CONSTANTS.steepness
    return 100 * (1 - taken), taken / lost if lost else 1.0


def _cap(findings: Iterable[Finding]) -> tuple[int, list[Finding]]:
    """The lowest limit that a finding sets, and all that set it."""
    limits = [(limit, finding) for finding in findings if (limit := _limit(finding)) is not None]
    lowest = min((limit for limit, _ in limits), default=100)
    return lowest, [finding for limit, finding in limits if limit == lowest]


def _limit(finding: Finding) -> int | None:
    if finding.severity is None:
        return None
    if _observed(finding):
        return CONSTANTS.caps_confirmed.get(finding.severity)
    return CONSTANTS.caps_static.get(finding.severity) if finding.confidence is Confidence.HIGH else None


def _explained(limit: int, holding: Sequence[Finding]) -> Cap:
    first = holding[0]
    kind = f"{'confirmed ' if _observed(first) else ''}{first.severity}"
    count = "one" if len(holding) == 1 else str(len(holding))
    reason = f"{count} {kind} finding{'s' if len(holding) > 1 else ''}"
    return Cap(limit, reason, tuple(finding.fingerprint for finding in holding))


def _priced(results: Iterable[Result], points: Mapping[int, float]) -> tuple[Result, ...]:
    return tuple(
        replace(result, findings=tuple(replace(f, points=points.get(id(f), 0.0)) for f in result.findings))
        for result in results
    )
