"""The only filter: comments, the configuration, the least confidence, the baseline; nothing it hides is lost."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Protocol

from fastapi_audit.model import Confidence, Finding, Location, Outcome, Result, Suppression, Unresolved

SUGGESTIONS = 50
"""Unknown names that are compared with the known ones."""


class Comment(Protocol):
    """An ignore comment as `evidence.Comment` has it; this module and the evidence do not know each other."""

    @property
    def path(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def rules(self) -> tuple[str, ...]: ...
    @property
    def reason(self) -> str: ...
    @property
    def whole_file(self) -> bool: ...
    @property
    def alone(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings silence, with item names already resolved to rules."""

    ignored: frozenset[str] = frozenset()
    per_file: tuple[tuple[str, frozenset[str]], ...] = ()
    """Pattern → rules."""
    min_confidence: Confidence = Confidence.LOW
    reasons_required: bool = False
    """Whether a comment without a reason silences nothing."""
    baseline: frozenset[str] = frozenset()
    """Fingerprints of accepted findings."""


def suppress(
    results: Sequence[Result], comments: Sequence[Comment], policy: Policy
) -> tuple[tuple[Result, ...], tuple[Unresolved, ...]]:
    """The results with silenced findings marked, and every comment that silences nothing."""
    bare = [comment for comment in comments if policy.reasons_required and not comment.reason]
    ignores = _Ignores([comment for comment in comments if comment not in bare])
    judged = tuple(_marked(result, ignores, policy) for result in results)
    return judged, (*map(_without_reason, bare), *_idle(ignores, results))


def _without_reason(comment: Comment) -> Unresolved:
    message = "this ignore comment gives no reason, which the settings require; it silences nothing"
    return Unresolved("suppression", message, Location(comment.path, comment.line, comment.column))


def _marked(result: Result, ignores: "_Ignores", policy: Policy) -> Result:
    findings = tuple(
        replace(finding, suppressed=finding.suppressed or ignores.silencing(finding) or _silenced(finding, policy))
        for finding in result.findings
    )
    if result.outcome is Outcome.FAIL and all(finding.suppressed for finding in findings):
        hidden = f"all findings are suppressed ({len(findings)})"
        return replace(result, findings=findings, outcome=Outcome.PASS, reason=hidden)
    return replace(result, findings=findings)


def _silenced(finding: Finding, policy: Policy) -> Suppression | None:
    if finding.rule in policy.ignored:
        return Suppression("config", "ignore")
    for pattern, rules in policy.per_file:
        if finding.location and finding.rule in rules and matches(finding.location.path, pattern):
            return Suppression("config", f"per-file-ignores: {pattern}")
    confidence = finding.confidence or Confidence.HIGH
    if confidence.rank > policy.min_confidence.rank:
        return Suppression("confidence", f"{confidence} is below {policy.min_confidence}")
    return Suppression("baseline") if finding.fingerprint in policy.baseline else None


def matches(path: str, pattern: str) -> bool:
    """Whether a path is meant: by its whole, where `*` crosses folders, by its folder, or by its name alone."""
    anchored = pattern.startswith("/")
    whole = pattern.strip("/")
    by_name = not anchored and fnmatchcase(PurePosixPath(path).name, pattern)
    return by_name or fnmatchcase(path, whole) or fnmatchcase(path, f"{whole}/*")


@dataclass(slots=True)
class _Ignores:
    """The comments by where they apply, and what each of them has silenced."""

    comments: Sequence[Comment]
    by_line: dict[tuple[str, int], list[Comment]] = field(init=False)
    by_file: dict[str, list[Comment]] = field(init=False)
    used: set[tuple[Comment, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_line, self.by_file, self.used = {}, {}, set()
        alone = {(comment.path, comment.line) for comment in self.comments if comment.alone}
        for comment in self.comments:
            if comment.whole_file:
                self.by_file.setdefault(comment.path, []).append(comment)
                continue
            line = comment.line
            # Several comments above one line all speak of that line.
            while comment.alone and (comment.path, line) in alone:
                line += 1
            self.by_line.setdefault((comment.path, line), []).append(comment)

    def silencing(self, finding: Finding) -> Suppression | None:
        """Why a comment silences this finding; every comment that does is in use."""
        speaking = [c for c in self._near(finding.location) if not c.rules or finding.rule in c.rules]
        self.used.update((comment, finding.rule) for comment in speaking)
        return Suppression("comment", speaking[0].reason) if speaking else None

    def _near(self, place: Location | None) -> Iterator[Comment]:
        if place is None:
            return
        # A comment after a call of several lines stands behind its first line or its closing bracket.
        for line in dict.fromkeys((place.line, place.end_line or place.line)):
            yield from self.by_line.get((place.path, line), ())
        yield from self.by_file.get(place.path, ())


def _idle(ignores: _Ignores, results: Iterable[Result]) -> Iterator[Unresolved]:
    """Only of rules that ran can it be said that a comment is not needed."""
    outcomes = {result.rule: result.outcome for result in results}
    unknown = (Outcome.NOT_RUN, Outcome.ERROR)
    ran_all = not any(outcome in unknown for outcome in outcomes.values())
    suggestions = 0
    for comment in ignores.comments:
        place = Location(comment.path, comment.line, comment.column)
        for name in comment.rules:
            if name not in outcomes:
                suggestions += 1
                # Comparing names is slow, and a hostile file may hold any number of them.
                near = get_close_matches(name, outcomes, 1) if suggestions <= SUGGESTIONS else []
                hint = f"; did you mean `{near[0]}`?" if near else ""
                yield Unresolved("suppression", f"`ignore[{name}]` names no rule{hint}", place)
            elif outcomes[name] not in unknown and (comment, name) not in ignores.used:
                yield Unresolved("suppression", f"`ignore[{name}]` silences nothing; remove it", place)
        if not comment.rules and ran_all and not any(used is comment for used, _ in ignores.used):
            yield Unresolved("suppression", "this ignore comment silences nothing; remove it", place)
