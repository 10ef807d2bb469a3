"""One rule against the evidence: what it looked at, what it found, or why nothing is known."""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from fastapi_audit.evidence import Call, Function, Project, Reach, Route
from fastapi_audit.model import (
    UNGATHERED,
    Confidence,
    EvidenceKind,
    Finding,
    Outcome,
    Refutation,
    Result,
    Status,
    Undecided,
    unread,
)
from fastapi_audit.reasons import listed
from fastapi_audit.rule import Check, Rule

OBSERVATIONS = 5
"""Of one finding that are kept: the first show it, and a service may break in any number of places."""
MESSAGE = 200
"""Characters of an exception that are told; it may quote a file of the audited project."""


def judge(rule: Rule, project: Project) -> Result:
    """The result of one rule; a crash of the rule is its result too, and the audit goes on."""
    at_hand = [check for check in rule.checks if project.collected(check.evidence)]
    if not at_hand:
        kinds = ", ".join(rule.evidence)
        return not_run(rule, f"no {kinds} {UNGATHERED}" if kinds else "the rule has no check")
    versions = _Versions.of(rule, project)
    if versions.outside:
        return Result(rule.name, rule.item, rule.severity, Outcome.NOT_APPLICABLE, reason=versions.outside)
    unknown = unread(project.unresolved)
    asked = _Asked(project) if unknown else project
    try:
        examined = _examine(at_hand, project, cast("Project", asked))
    # One bad rule must not cost the user the other two hundred.
    except Exception as error:  # noqa: BLE001
        return Result(rule.name, rule.item, rule.severity, Outcome.ERROR, reason=_crash(rule, error))
    result = _judged(rule, examined, at_hand, project, versions.note)
    of_program = isinstance(asked, _Asked) and (
        asked.for_program or any(check.evidence is EvidenceKind.SOURCE for check in at_hand)
    )
    # Finding nothing says nothing where what the checks look for may stand in a file that could not be read.
    silent = result.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE)
    return not_run(rule, unknown) if of_program and silent else result


def _judged(rule: Rule, examined: "_Examined", checks: Sequence[Check], project: Project, note: str) -> Result:
    hindrances = _Hindrances.of(checks, project)
    outcome = hindrances.outcome(examined)
    return Result(
        rule.name,
        rule.item,
        rule.severity,
        outcome,
        examined.subjects,
        tuple(_signed(rule, finding, note) for finding in examined.findings),
        "" if outcome is Outcome.FAIL else _reason(hindrances, examined, _extent(checks, project)),
        tuple(examined.refutations),
    )


def not_run(rule: Rule, reason: str) -> Result:
    """Nothing is known of this rule; never a pass."""
    return Result(rule.name, rule.item, rule.severity, Outcome.NOT_RUN, reason=reason)


_PROGRAM = frozenset({"source", "routes", "middleware", "applications", "python_texts", "matches", "subjects"})
"""What a project knows from the files of the program."""


class _Asked:
    """A project that notes whether a check has asked it for the program, whatever evidence the check is about."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.for_program = False

    def __getattr__(self, name: str) -> object:
        self.for_program |= name in _PROGRAM
        return getattr(self._project, name)


def _reason(hindrances: "_Hindrances", examined: "_Examined", extent: str) -> str:
    # What hindered an experiment says itself how far it came.
    return _joined(hindrances.reason, examined.reason, "" if hindrances.reason else extent)


def _joined(*reasons: str) -> str:
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def _extent(checks: Sequence[Check], project: Project) -> str:
    """How much of the service the experiments of the rule have seen."""
    known = project.live.extents if project.live else {}
    return _joined(*(known.get(each.subject, "") for each in checks))


@dataclass(slots=True)
class _Examined:
    subjects: int = 0
    findings: list[Finding] = field(default_factory=list)
    refutations: list[Refutation] = field(default_factory=list)
    undecided: dict[object, str] = field(default_factory=dict)
    """Of which subject nothing is known, and why; operations by their name."""
    decided: set[object] = field(default_factory=set)
    every: bool = False
    """Whether each of them must be decided for a pass."""

    @property
    def outcome(self) -> Outcome:
        if self.findings:
            return Outcome.FAIL
        if self.undecided and (self.every or not self.decided):
            return Outcome.NOT_RUN
        return Outcome.PASS if self.subjects else Outcome.NOT_APPLICABLE

    @property
    def reason(self) -> str:
        """How many were decided, and why the others were not."""
        named = {name for name in (*self.undecided, *self.decided) if isinstance(name, str)}
        whys = listed((name if isinstance(name, str) else "", why) for name, why in self.undecided.items())
        every = len(self.undecided) + len(self.decided)
        if not whys or (every == 1 and not named):
            return whys
        return f"{len(self.decided)} of {every} {'operations' if named else 'places'} were conclusive: {whys}"


@dataclass(frozen=True, slots=True)
class _Hindrances:
    """Why checks of the running service could not be made, or not to their end."""

    reason: str = ""
    crashed: bool = False
    every: bool = False
    """Whether no check of the rule could be made."""

    @classmethod
    def of(cls, checks: Sequence[Check], project: Project) -> "_Hindrances":
        if project.live is None:
            return cls()
        crashes = [why for each in checks if (why := project.live.crashed.get(each.subject))]
        if crashes:
            return cls(f"an experiment crashed: {crashes[0]}", crashed=True)
        reasons = [why for each in checks if (why := project.live.not_run.get(each.subject))]
        return cls(reasons[0] if reasons else "", every=len(reasons) == len(checks))

    def outcome(self, examined: "_Examined") -> Outcome:
        """What was seen before the end is a finding; what was not seen is no pass."""
        if self.crashed:
            return Outcome.ERROR
        return Outcome.NOT_RUN if self.every and not examined.findings else examined.outcome


def _examine(checks: Sequence[Check], project: Project, asked: Project) -> _Examined:
    """What the checks find; `asked` is the project as they get it."""
    by_check = [(check, project.subjects(check.subject, check.of)) for check in checks]
    # By identity: two checks of one rule look at the same route, which is one subject.
    distinct = {number for _, subjects in by_check for number in map(id, subjects)}
    examined = _Examined(len(distinct))
    found: list[Finding] = []
    for check, subjects in by_check:
        for subject in subjects:
            said = list(check.run(subject, asked) if check.wants_project else check.run(subject))
            found += [_placed(each, subject, check) for each in said if isinstance(each, Finding)]
            examined.refutations += [each for each in said if isinstance(each, Refutation)]
            if check.evidence is EvidenceKind.LIVE:
                _decide(examined, subject, said)
                examined.every |= check.every
    examined.undecided = {name: why for name, why in examined.undecided.items() if name not in examined.decided}
    examined.findings = list(_merged(found))
    return examined


def _decide(examined: _Examined, subject: object, said: Sequence[Finding | Refutation | Undecided]) -> None:
    """Notes whether anything is known of the subject now; a row of the whole service beside its operations is none."""
    name = getattr(subject, "operation", id(subject))
    whys = [each.message for each in said if isinstance(each, Undecided)]
    if whys and len(whys) == len(said):
        examined.undecided.setdefault(name, whys[0])
    elif name is not None:
        examined.decided.add(name)


def _placed(finding: Finding, subject: object, check: Check) -> Finding:
    return replace(finding, operation=finding.operation or _operation(subject), evidence=(check.evidence,))


def _operation(subject: object) -> str | None:
    """The operation that a finding in a handler, or on a way from one, is about; it meets what the probe saw of it."""
    match subject:
        case Route() | Reach():
            return subject.operation
        case Call():
            return _operation(subject.body)
        case Function():
            handled = {way.operation for way in subject.ways if way.before is None and way.operation}
            return handled.pop() if len(handled) == 1 else None
        case _:
            return None


def _merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for each place, or operation where no place is known; the first one's words are kept."""
    said = list(findings)
    crashed = {each.operation: each.location for each in said if each.cause}
    at: dict[object, Finding] = {}
    for finding in said:
        key = finding.location or crashed.get(finding.operation) or finding.operation or finding.message
        known = at.setdefault(key, finding)
        if known is not finding:
            evidence = tuple(dict.fromkeys((*known.evidence, *finding.evidence)))
            live = EvidenceKind.LIVE in known.evidence
            # What was seen of another operation says nothing new.
            told = () if live and finding.operation != known.operation else finding.observations
            seen = tuple(dict.fromkeys((*known.observations, *told)))[:OBSERVATIONS]
            also = _also(known, finding) if live else ()
            at[key] = replace(known, evidence=evidence, fix=known.fix or finding.fix, observations=seen, also=also)
    yield from sorted(_of_one_cause(at.values()), key=lambda finding: finding.order)


def _of_one_cause(findings: Iterable[Finding]) -> Iterator[Finding]:
    """What the probe saw of several operations, one finding for each cause: its first operation shows it."""
    by_cause: dict[object, Finding] = {}
    for finding in sorted(findings, key=lambda each: each.operation or ""):
        key = finding.cause or id(finding)
        known = by_cause.get(key)
        by_cause[key] = replace(known, also=_also(known, finding)) if known else finding
    yield from by_cause.values()


def _also(known: Finding, other: Finding) -> tuple[str, ...]:
    named = {*known.also, *other.also, *filter(None, (other.operation,))} - {known.operation}
    return tuple(sorted(named))


def _signed(rule: Rule, finding: Finding, note: str) -> Finding:
    running = bool({EvidenceKind.APP, EvidenceKind.LIVE} & set(finding.evidence))
    on_the_wire = EvidenceKind.LIVE in finding.evidence
    return replace(
        finding,
        message=finding.message + note,
        rule=rule.name,
        item=rule.item,
        severity=finding.severity or rule.severity,
        # However much of a guess the rule makes of the source: what was seen is no guess.
        confidence=finding.confidence or (Confidence.HIGH if on_the_wire else rule.confidence),
        status=Status.CONFIRMED if running else finding.status,
    )


def _crash(rule: Rule, error: Exception) -> str:
    """One line: what went wrong, the line of the rule, and the line that raised where it is another one."""
    frames = traceback.extract_tb(error.__traceback__)
    own = rule.module.replace(".", "/") + ".py"
    in_rule = [frame for frame in frames if frame.filename.replace("\\", "/").endswith(own)]
    places = dict.fromkeys(_place(frame) for frame in (*in_rule[-1:], frames[-1]))
    what = " ".join(str(error).split())[:MESSAGE]
    return f"{type(error).__name__}: {what} ({' → '.join(places)})"


def _place(frame: traceback.FrameSummary) -> str:
    return "/".join(frame.filename.replace("\\", "/").split("/")[-3:]) + f":{frame.lineno}"


@dataclass(frozen=True, slots=True)
class _Versions:
    """Whether the rule speaks of the versions that the project uses."""

    outside: str = ""
    """Why the rule does not apply."""
    note: str = ""
    """What a finding must say when the version is not known."""

    @classmethod
    def of(cls, rule: Rule, project: Project) -> "_Versions":
        if rule.applies_to is None:
            return cls()
        used = project.uses(rule.applies_to)
        if used is None:
            return cls(note=f" (assuming {rule.applies_to}: the project pins no version)")
        if used:
            return cls()
        # Few rules are limited to versions, and the import is not free.
        from packaging.requirements import Requirement  # noqa: PLC0415

        name = Requirement(rule.applies_to).name
        asked = sorted({r.specifier for r in project.deployment.requirements.of(name)})
        version = project.versions.get(name, " or ".join(asked))
        return cls(outside=f"speaks of {rule.applies_to}; the project uses {name} {version}")
