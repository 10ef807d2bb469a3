"""Gathers the kinds of evidence into one `Project`, which hands a rule its subjects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fastapi_audit.model import Collection, EvidenceKind, Gathered, MiddlewareRow, RouteRow, Unresolved


@dataclass(frozen=True, slots=True)
class Gathering:
    """What to gather, from where; the part of the settings that evidence needs."""

    root: Path
    exclude: tuple[str, ...] = ()
    use_cache: bool = True
    cache: Path | None = None
    """Where facts are kept between runs; `None` is the user's cache directory."""
    auth_names: tuple[str, ...] = ()
    """Further dotted names of dependencies that authenticate."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A `# fastapi-audit: ignore[...]` comment, as written."""

    path: str
    line: int
    column: int
    rules: tuple[str, ...]
    """Empty for a blanket ignore."""
    reason: str
    whole_file: bool
    alone: bool
    """Whether it stands on a line of its own and so speaks of the next one."""


@dataclass(slots=True)
class Project:
    """The audited project as far as it is known; rules ask it for subjects, reports for tables."""

    root: Path
    name: str
    gathered: tuple[Gathered, ...] = (Gathered(EvidenceKind.SOURCE, Collection.NOT_REQUESTED),)
    versions: dict[str, str] = field(default_factory=dict)
    """Resolved versions by distribution name (`fastapi`, `starlette`, `pydantic` …), where known."""
    routes: tuple[RouteRow, ...] = ()
    middleware: tuple[MiddlewareRow, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    comments: tuple[Comment, ...] = ()
    files: int = 0
    """How many Python files were looked at."""
    applications: int = 0
    """How many FastAPI applications were found."""

    def collected(self, kind: EvidenceKind) -> bool:
        """Whether this kind of evidence is at hand."""
        return any(g.kind is kind and g.status is Collection.COLLECTED for g in self.gathered)

    def subjects(self, kind: type, of: tuple[str, ...] = ()) -> Sequence[object]:
        """Everything of one kind, in the order of the files; for `Call`, narrowed to the dotted names `of`."""
        raise NotImplementedError

    def text(self, path: str) -> str | None:
        """The text of a file of the project, for excerpts and fixes; `None` when it cannot be read."""
        raise NotImplementedError


SUBJECTS: dict[type, EvidenceKind] = {Project: EvidenceKind.SOURCE}
"""Every type that the first parameter of a check may have, and the evidence it comes from."""


def gather(gathering: Gathering) -> Project:
    """Reads source and deployment files below the root; never runs anything of the project."""
    raise NotImplementedError
