"""Gathers the kinds of evidence into one `Project`, which hands a rule its subjects."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_audit.evidence.app import Operation, RunningApp, Unavailable
from fastapi_audit.evidence.deployment import SUBJECTS as DEPLOYED
from fastapi_audit.evidence.deployment import Deployment
from fastapi_audit.evidence.deployment import read as read_deployment
from fastapi_audit.evidence.deployment.gateway import limiting_file
from fastapi_audit.evidence.deployment.ranges import admits_only
from fastapi_audit.evidence.files import Tree, discover
from fastapi_audit.evidence.live import EXPERIMENTS, Live
from fastapi_audit.evidence.live.experiments.measured_latency import MeasuredLatency
from fastapi_audit.evidence.source import Source
from fastapi_audit.evidence.source import read as read_source
from fastapi_audit.evidence.source.cache import Store
from fastapi_audit.evidence.source.code import Call, Class, Function, Handler, Model, Module, Settings
from fastapi_audit.evidence.source.composition import App, Dependency, ExceptionHandler, Middleware, Route
from fastapi_audit.evidence.source.grounds import Ground, grounds
from fastapi_audit.evidence.source.limits import LimitedFunction
from fastapi_audit.evidence.source.metrics import Metric
from fastapi_audit.evidence.source.reach import Reach
from fastapi_audit.evidence.source.resources import Resource
from fastapi_audit.evidence.source.revisions import Revision
from fastapi_audit.evidence.source.unread import told_apart
from fastapi_audit.evidence.source.variables import Variable
from fastapi_audit.model import Collection, EvidenceKind, Gathered, MiddlewareRow, RouteRow, Unresolved

if TYPE_CHECKING:
    from fastapi_audit.evidence.patterns.matching import Matches
    from fastapi_audit.evidence.patterns.pattern import Pattern


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
    source: Source
    tree: Tree
    gathered: tuple[Gathered, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    """Resolved versions by distribution name (`fastapi`, `starlette`, `pydantic` …), where known."""
    unresolved: tuple[Unresolved, ...] = ()
    comments: tuple[Comment, ...] = ()
    deployment: Deployment = field(default_factory=Deployment)
    running: RunningApp | None = None
    """What the imported application says of itself, when it was asked."""
    live: Live | None = None
    """What a probe has seen, when the service was probed."""
    _texts: dict[str, str | None] = field(default_factory=dict)
    _grounds: dict[tuple[str, ...], list[Ground]] = field(default_factory=dict)
    _matches: "dict[tuple[Pattern, ...], Matches]" = field(default_factory=dict)

    @property
    def routes(self) -> tuple[RouteRow, ...]:
        """The route table of all applications."""
        return tuple(r.row() for r in self.source.routes)

    @property
    def middleware(self) -> tuple[MiddlewareRow, ...]:
        """The middleware of all applications, each outermost first."""
        return tuple(m.row() for a in self.source.apps for m in a.middleware)

    @property
    def files(self) -> int:
        """How many Python files were looked at."""
        return len(self.tree.python)

    @property
    def applications(self) -> int:
        """How many FastAPI applications were found."""
        return sum(a.is_fastapi for a in self.source.apps)

    def collected(self, kind: EvidenceKind) -> bool:
        """Whether this kind of evidence is at hand."""
        return any(g.kind is kind and g.status is Collection.COLLECTED for g in self.gathered)

    def subjects(self, kind: type, of: tuple[str, ...] = ()) -> Sequence[object]:
        """Everything of one kind, in file order; `of` narrows `Call` to dotted names, `Ground` to contexts."""
        if kind is Project:
            return [self]
        if kind is Call:
            return self.source.calls_to(*of)
        if kind is Ground:
            if of not in self._grounds:
                self._grounds[of] = grounds(self.source, of)
            return self._grounds[of]
        if kind in DEPLOYED:
            return DEPLOYED[kind](self.deployment)
        if kind is RunningApp:
            return list(self.running.applications()) if self.running else []
        if kind is Operation:
            return list(self.running.every_operation()) if self.running else []
        if kind in EXPERIMENTS:
            return self.live.subjects.get(kind, ()) if self.live else ()
        return _LISTS[kind](self.source)

    @property
    def gateway_limit(self) -> str | None:
        """The file that limits rates in front of the service: nginx, an ingress, Traefik …; `None` when none does."""
        return limiting_file(self.deployment, self.tree.paths, self.text)

    def uses(self, requirement: str) -> bool | None:
        """Whether the project uses a version in a range such as `bcrypt>=5`; `None` where that is not known.

        Without an exact version it is known where everything that the project admits lies inside, or outside.
        """
        # Few rules ask for a version, and the import is not free.
        from packaging.requirements import Requirement  # noqa: PLC0415
        from packaging.version import InvalidVersion, Version  # noqa: PLC0415

        wanted = Requirement(requirement)
        try:
            used = Version(self.versions[wanted.name])
        except (KeyError, InvalidVersion):
            asked = [r.specifier for r in self.deployment.requirements.of(wanted.name) if r.production]
            return admits_only(asked, str(wanted.specifier))
        return wanted.specifier.contains(used, prereleases=True)

    def matches(self, patterns: "tuple[Pattern, ...]") -> "Matches":
        """Where the patterns of a team match in the application's code; all of them are looked for at once."""
        if patterns not in self._matches:
            from fastapi_audit.evidence.patterns.matching import match  # noqa: PLC0415  only a team's own rules match

            files = [module.file for module in self.source.application_modules]
            self._matches[patterns] = match(patterns, files)
        return self._matches[patterns]

    def python_texts(self, word: str) -> Iterator[str]:
        """The texts of the Python files that a word stands in; they are many, and not kept."""
        for file in self.source.modules.by_path:
            if word.encode() in file.content:
                yield file.text

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The paths that were looked at because something names them; those that are listed may be missing here."""
        return tuple(sorted({*self.deployment.looked_at, *self._texts}))

    def text(self, path: str) -> str | None:
        """The text of a file of the project, for excerpts and fixes; `None` when it cannot be read."""
        if path not in self._texts:
            file = self.source.modules.files.get(path)
            content = file.content if file is not None else self.tree.read(path)
            self._texts[path] = _decoded(content)
        return self._texts[path]


_LISTS: dict[type, Callable[[Source], Sequence[object]]] = {
    App: lambda s: s.apps,
    Route: lambda s: s.routes,
    Middleware: lambda s: [m for a in s.apps for m in a.middleware],
    ExceptionHandler: lambda s: [h for a in s.apps for h in a.exception_handlers],
    Module: lambda s: s.application_modules,
    Function: lambda s: s.functions,
    Class: lambda s: s.classes,
    Model: lambda s: [c for c in s.classes if isinstance(c, Model)],
    Settings: lambda s: [c for c in s.classes if isinstance(c, Settings)],
    Handler: lambda s: s.handlers,
    Resource: lambda s: s.resources,
    Reach: lambda s: s.ways_on_loop,
    Metric: lambda s: s.metrics,
    Dependency: lambda s: s.dependencies,
    Variable: lambda s: s.variables,
    Revision: lambda s: s.revisions,
    LimitedFunction: lambda s: s.limited_functions,
}

SUBJECTS: dict[type, EvidenceKind] = {
    **dict.fromkeys([Project, Call, Ground, *_LISTS], EvidenceKind.SOURCE),
    **dict.fromkeys(DEPLOYED, EvidenceKind.DEPLOYMENT),
    **dict.fromkeys([RunningApp, Operation], EvidenceKind.APP),
    **dict.fromkeys(EXPERIMENTS, EvidenceKind.LIVE),
}
"""Every type that the first parameter of a check may have, and the evidence it comes from."""


def text_of(root: Path, path: str) -> str | None:
    """The text of a file as `Project.text` gives it, where nothing was gathered."""
    return _decoded(Tree(root).read(path))


def _decoded(content: bytes | None) -> str | None:
    return None if content is None else content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def gather(gathering: Gathering) -> Project:
    """Reads source and deployment files below the root; never runs anything of the project."""
    root = gathering.root.resolve()
    tree = discover(root, gathering.exclude)
    store = Store(gathering.cache) if gathering.use_cache else None
    source = read_source(tree, gathering.auth_names, store)
    deployment = read_deployment(root, tree.paths)
    counts = (("files", len(tree.python)), ("applications", len(source.apps)), ("routes", len(source.routes)))
    gathered = (
        Gathered(EvidenceKind.SOURCE, Collection.COLLECTED, counts=counts),
        _deployed(deployment),
        Gathered(EvidenceKind.APP, Collection.NOT_REQUESTED, "use `audit` to import the application"),
        Gathered(EvidenceKind.LIVE, Collection.NOT_REQUESTED, "nothing was probed"),
    )
    return Project(
        root,
        root.name,
        source,
        tree,
        gathered,
        deployment.versions,
        (*told_apart((*tree.left_out, *source.unresolved), source), *deployment.unresolved),
        (*_comments(source), *(Comment(*astuple(remark)) for remark in deployment.remarks)),
        deployment,
    )


def asked(project: Project, answer: RunningApp | Unavailable) -> Project:
    """The project, with what the imported application says of itself, or why it says nothing."""
    running = answer if isinstance(answer, RunningApp) else None
    operations = len(list(running.every_operation())) if running else 0
    gathered = (
        Gathered(EvidenceKind.APP, Collection.COLLECTED, counts=(("operations", operations),))
        if running
        else Gathered(EvidenceKind.APP, Collection.UNAVAILABLE, str(answer).partition("\n")[0])
    )
    kinds = tuple(gathered if each.kind is EvidenceKind.APP else each for each in project.gathered)
    versions = {**dict(running.versions if running else ()), **project.versions}
    return replace(project, running=running, gathered=kinds, versions=versions)


def probed(live: Live, name: str) -> Project:
    """What is known of a service of which nothing but the wire was looked at."""
    tree = Tree(Path())
    counts = (("operations", len(live.operations)), ("requests", live.requests))
    untold = tuple(Unresolved("figure", each) for each in live.exported.untold) if live.exported else ()
    measured = (each for each in live.subjects.get(MeasuredLatency, ()) if isinstance(each, MeasuredLatency))
    unjudged = tuple(Unresolved("latency", each.unjudged) for each in measured if each.unjudged)
    known = ((Unresolved("operations", live.no_operations),) if live.no_operations else ()) + untold + unjudged
    gathered = (
        *(Gathered(kind, Collection.NOT_REQUESTED, "only the running service was probed") for kind in _AT_REST),
        Gathered(EvidenceKind.LIVE, Collection.COLLECTED, live.ended, counts),
    )
    return Project(tree.root, name, read_source(tree), tree, gathered, unresolved=known, live=live)


_AT_REST = (EvidenceKind.SOURCE, EvidenceKind.DEPLOYMENT, EvidenceKind.APP)


def _deployed(deployment: Deployment) -> Gathered:
    """What became of the deployment files; without any, nothing is known of how the service runs."""
    counts = (("files", deployment.files), ("commands", len(deployment.commands)))
    if deployment.files:
        return Gathered(EvidenceKind.DEPLOYMENT, Collection.COLLECTED, counts=counts)
    return Gathered(EvidenceKind.DEPLOYMENT, Collection.UNAVAILABLE, "no Dockerfile, compose or other deployment file")


def _comments(source: Source) -> list[Comment]:
    found = []
    for path, file in sorted(source.modules.files.items()):
        for line, column, rules, reason, whole_file, alone in file.facts[2]:
            found.append(Comment(path, line, column, rules, reason, whole_file, alone))
    return found
