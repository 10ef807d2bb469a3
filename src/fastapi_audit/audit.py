"""The pipeline: evidence is gathered, rules judge it, the only filter marks, the scorecard weighs."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi_audit.baselining import Baseline
from fastapi_audit.checks import chosen
from fastapi_audit.config import Settings
from fastapi_audit.errors import TargetError
from fastapi_audit.evidence import Gathering, Project, gather
from fastapi_audit.fingerprinting import fingerprinted
from fastapi_audit.judging import judge, not_run
from fastapi_audit.model import Scorecard
from fastapi_audit.rule import Rule
from fastapi_audit.scoring import score
from fastapi_audit.suppressing import Policy, suppress

__all__ = ["Audit", "judge", "read", "run"]


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
    unread = sum(entry.kind == "file" for entry in project.unresolved)
    files = f"{project.files} Python file{'' if project.files == 1 else 's'}"
    aside = f", {unread} of which could not be read" if unread else ""
    message = f"no FastAPI application found under {root}; looked at {files}{aside}"
    raise TargetError(message)


def run(
    gathering: Gathering,
    rules: Sequence[Rule],
    settings: Settings,
    root: str = ".",
    baseline: Baseline = Baseline(),  # noqa: B008  frozen and empty
) -> Audit:
    """The whole audit; `root` is how reports call the project's directory."""
    selected = chosen(rules, settings.select) if settings.select else {rule.name for rule in rules}
    policy = _policy(rules, settings, baseline)
    project = read(gathering, root)
    judged = [judge(rule, project) if rule.name in selected else not_run(rule, "not selected") for rule in rules]
    marked, idle = suppress(tuple(fingerprinted(judged, project.text)), project.comments, policy)
    scored = score(marked)
    card = Scorecard(
        project=project.name,
        root=root,
        versions=tuple(sorted(project.versions.items())),
        evidence=project.gathered,
        results=scored.results,
        items=scored.items,
        score=scored.score,
        raw=scored.raw,
        grade=scored.grade,
        coverage=scored.coverage,
        caps=scored.caps,
        routes=project.routes,
        middleware=project.middleware,
        unresolved=(*project.unresolved, *idle, *baseline.complaints(scored.results)),
    )
    return Audit(card, project)


def _policy(rules: Sequence[Rule], settings: Settings, baseline: Baseline) -> Policy:
    per_file = tuple((pattern, chosen(rules, names)) for pattern, names in settings.per_file_ignores.items())
    ignored = chosen(rules, settings.ignore)
    return Policy(ignored, per_file, settings.min_confidence, settings.require_reasons, baseline.fingerprints)
