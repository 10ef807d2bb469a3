"""The pipeline: evidence is gathered, rules judge it, the only filter marks, the scorecard weighs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from fastapi_audit.baselining import Baseline
from fastapi_audit.checks import chosen
from fastapi_audit.config import Settings
from fastapi_audit.errors import TargetError
from fastapi_audit.evidence import (
    Gathering,
    Live,
    Probing,
    Progress,
    Project,
    agree,
    gather,
    probe,
    probed,
    uncollected,
)
from fastapi_audit.fingerprinting import fingerprinted
from fastapi_audit.judging import judge, not_run
from fastapi_audit.merging import merged
from fastapi_audit.model import UNREAD, Collection, EvidenceKind, Gathered, Outcome, Result, Scorecard, Unresolved
from fastapi_audit.rule import Rule
from fastapi_audit.scoring import score
from fastapi_audit.suppressing import Policy, suppress

__all__ = ["Audit", "Choice", "judge", "of_files", "of_service", "read", "run", "together"]


@dataclass(frozen=True, slots=True)
class Audit:
    """The scorecard, and the project that it was made from, for the texts of its files."""

    scorecard: Scorecard
    project: Project


def read(gathering: Gathering, root: str) -> Project:
    """The evidence; `TargetError` when there is no FastAPI application in it."""
    project = gather(gathering)
    if project.applications or project.routes:
        return project
    unread = sum(entry.kind in ("file", UNREAD) for entry in project.unresolved)
    files = f"{project.files} Python file{'' if project.files == 1 else 's'}"
    aside = f", {unread} of which could not be read" if unread else ""
    message = f"no FastAPI application found under {root}; looked at {files}{aside}"
    raise TargetError(message)


@dataclass(frozen=True, slots=True)
class Choice:
    """The rules, and which of them are asked for and silenced."""

    rules: Sequence[Rule]
    selected: frozenset[str]
    policy: Policy
    baseline: Baseline = field(default_factory=Baseline)

    @classmethod
    def of(cls, rules: Sequence[Rule], settings: Settings, baseline: Baseline | None = None) -> "Choice":
        """`UsageError` for a name that there is not, before anything is read or sent."""
        selected = chosen(rules, settings.select) if settings.select else frozenset(rule.name for rule in rules)
        accepted = baseline or Baseline()
        return cls(rules, selected, _policy(rules, settings, accepted), accepted)

    @property
    def nouns(self) -> set[type]:
        """What the selected rules ask of a running service."""
        return {noun for rule in self.rules if rule.name in self.selected for noun in rule.nouns}


@uncollected()
def run(
    gathering: Gathering,
    rules: Sequence[Rule],
    settings: Settings,
    root: str = ".",
    baseline: Baseline | None = None,
) -> Audit:
    """The whole audit of files; `root` is how reports call the project's directory."""
    choice = Choice.of(rules, settings, baseline)
    audit = of_files(read(gathering, root), choice, root)
    return replace(audit, scorecard=complained(audit.scorecard, choice.baseline))


@uncollected()
def of_files(project: Project, choice: Choice, root: str) -> Audit:
    """What the rules say of the files, and of the imported application where it was asked."""
    return Audit(_judged(project, choice, root), project)


def of_service(probing: Probing, name: str, choice: Choice, progress: Progress | None = None) -> Audit:
    """What the rules say of a running service; only what the selected ones ask for is tried on it."""
    live = probe(probing, choice.nouns, progress)
    project = probed(live, name)
    card = _judged(project, choice, live.shown_at)
    figures = tuple(live.exported.rows) if live.exported else ()
    measured = replace(card, measurements=tuple(_measured(live)), latencies=live.latencies, figures=figures)
    return Audit(measured, project)


def complained(card: Scorecard, baseline: Baseline) -> Scorecard:
    """With what the baseline holds and nobody finds any more: to be said once everything was gathered."""
    if card.unread:
        return card
    return replace(card, unresolved=(*card.unresolved, *baseline.complaints(card.results)))


def together(cards: Sequence[Scorecard]) -> Scorecard:
    """One scorecard of several runs of one project: the same whether they were made at once or read from files."""
    first = next((card for card in cards if card.routes), cards[0])
    results = merged([card.results for card in cards], first.routes)
    return _weighed(
        replace(
            first,
            versions=tuple(sorted(dict(pair for card in reversed(cards) for pair in card.versions).items())),
            evidence=tuple(_gathered(cards)),
            middleware=next((card.middleware for card in cards if card.middleware), ()),
            unresolved=tuple(dict.fromkeys(entry for card in cards for entry in card.unresolved)),
            measurements=tuple(dict(pair for card in cards for pair in card.measurements).items()),
            latencies=tuple(dict.fromkeys(row for card in cards for row in card.latencies)),
            figures=next((card.figures for card in cards if card.figures), ()),
        ),
        results,
    )


def _judged(project: Project, choice: Choice, root: str) -> Scorecard:
    judged = [
        judge(rule, project) if rule.name in choice.selected else not_run(rule, "not selected") for rule in choice.rules
    ]
    marked, idle = suppress(tuple(fingerprinted(judged, project.text)), project.comments, choice.policy)
    return _weighed(_bare(project, root, idle), marked)


def _bare(project: Project, root: str, idle: tuple[Unresolved, ...]) -> Scorecard:
    """What is known of the project before anything is judged."""
    routes = project.routes
    return Scorecard(
        project=project.name,
        root=root,
        versions=tuple(sorted(project.versions.items())),
        evidence=project.gathered,
        results=(),
        items=(),
        score=None,
        raw=None,
        grade="n/a",
        coverage=0.0,
        routes=agree(routes, tuple(project.running.every_operation())) if project.running else routes,
        middleware=project.middleware,
        unresolved=(*project.unresolved, *idle),
    )


def _weighed(card: Scorecard, results: Sequence[Result]) -> Scorecard:
    scored = score([_known(result, card.unread) for result in results])
    weighed = replace(
        card,
        results=scored.results,
        items=scored.items,
        score=scored.score,
        raw=scored.raw,
        grade=scored.grade,
        coverage=scored.coverage,
        caps=scored.caps,
    )
    # Whatever the score of the rest: with the file it may be any lower one.
    return replace(weighed, score=None, grade="n/a", caps=()) if card.unread else weighed


def _known(result: Result, unread: str) -> Result:
    """Findings in files that were silenced or refuted leave no pass when a file of the application was not read."""
    in_source = any(EvidenceKind.SOURCE in finding.evidence for finding in result.findings)
    if unread and in_source and result.outcome is Outcome.PASS:
        return replace(result, outcome=Outcome.NOT_RUN, reason=unread)
    return result


def _gathered(cards: Sequence[Scorecard]) -> Iterator[Gathered]:
    """Of each kind of evidence the best; what was tried and failed says more than what nobody asked for."""
    order = (Collection.COLLECTED, Collection.UNAVAILABLE, Collection.NOT_REQUESTED)
    known = [entry for card in cards for entry in card.evidence]
    for kind in EvidenceKind:
        of_kind = [entry for entry in known if entry.kind is kind]
        if of_kind:
            yield min(of_kind, key=lambda entry: order.index(entry.status))


def _measured(live: Live) -> Iterator[tuple[str, float]]:
    yield "requests", float(live.requests)
    if live.loaded:
        yield "operations", float(live.loaded.described)
        yield "operations_measured", float(live.loaded.measured)
        yield "operations_not_callable", float(live.loaded.not_callable)
    for figure in live.exported.figures if live.exported else ():
        yield f"exported_{figure.name}_low", figure.low
        yield f"exported_{figure.name}_high", figure.high


def _policy(rules: Sequence[Rule], settings: Settings, baseline: Baseline) -> Policy:
    per_file = tuple((pattern, chosen(rules, names)) for pattern, names in settings.per_file_ignores.items())
    ignored = chosen(rules, settings.ignore)
    return Policy(ignored, per_file, settings.min_confidence, settings.require_reasons, baseline.fingerprints)
