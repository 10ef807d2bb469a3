"""What the imported application says of itself: asked in a subprocess of its own interpreter, only on request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi_audit.model import EvidenceKind, Location, RouteRow

DEFAULT_TIMEOUT_SECONDS = 60.0
AUTOMATIC_METHODS = frozenset({"HEAD", "OPTIONS"})
"""Starlette adds them by itself; the source does not speak of them."""
OF_FASTAPI = "fastapi.applications."
"""Where the documentation pages come from that every application has."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code, as the compiler noted it."""

    path: str
    """Relative to the project root; `site-packages:…` for an installed package."""
    line: int
    own: bool
    """Whether it is the project's own code."""

    @property
    def location(self) -> Location | None:
        """Where to point a finding; `None` in somebody else's package."""
        return Location(self.path, self.line) if self.own else None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the running application routes it."""

    method: str
    """`GET` …, or `WEBSOCKET`."""
    path: str
    """The full path, mounts and prefixes included, without the application's root path."""
    endpoint: str
    """The dotted name of the handler."""
    place: Place | None
    """The first decorator's line; `None` for a handler that was not written in Python."""
    is_async: bool
    """Whether FastAPI awaits the handler on the event loop."""
    kind: str
    """The class of the route: `APIRoute`, `Route`, `APIWebSocketRoute`, a subclass of one."""
    dependencies: tuple[str, ...]
    """Direct dependencies by dotted name, those of application, routers and route first; an instance as `Class()`."""
    security: tuple[str, ...]
    """Names of the security schemes among all its dependencies, the indirect ones too."""
    response_model: str | None
    status_code: int | None
    """Only where the route states one."""
    in_schema: bool
    app: str
    """The path that its application is mounted at, empty for the outermost."""

    @property
    def name(self) -> str:
        """As findings join it: `GET /users/{id}`."""
        return f"{self.method} {self.path}"

    @property
    def location(self) -> Location | None:
        """Where to point a finding; `None` in somebody else's package."""
        return self.place.location if self.place else None


@dataclass(frozen=True, slots=True)
class RunningMiddleware:
    """One layer of the stack that the application built."""

    name: str
    """The dotted name of its class; of a function after `@app.middleware`, `Class:function`."""
    options: tuple[tuple[str, str | None], ...]
    """Keyword arguments as Python text; `None` for a value that might be a secret."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """Something below a path that is no FastAPI application: static files, a WSGI application."""

    path: str
    name: str
    """The dotted name of its class."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The connection pool of a SQLAlchemy engine."""

    name: str
    """Where the engine was found: `shop.db.engine`, `app.state.engine`."""
    kind: str
    """The class of the pool."""
    dialect: str
    """`postgresql+asyncpg`."""
    size: float | None
    max_overflow: float | None
    timeout_seconds: float | None
    recycle_seconds: float | None
    """-1 when connections are never replaced."""
    pre_ping: bool


@dataclass(frozen=True, slots=True)
class RunningLimiter:
    """A slowapi limiter."""

    name: str
    storage: str
    """The dotted name of the storage's class: `limits.storage.memory.MemoryStorage`."""
    strategy: str
    default_limits: tuple[str, ...]
    headers: bool
    swallows_errors: bool


@dataclass(frozen=True, slots=True)
class BrokenPart:
    """What raises as soon as it is used, though the import went well."""

    where: str
    """`routes`, `middleware` or `openapi`."""
    message: str
    place: Place | None
    """The innermost line of the project that the error came through."""


@dataclass(frozen=True, slots=True)
class RunningApp:
    """An imported application; those mounted below it have their own middleware, state and lifespan."""

    path: str
    """What it is mounted at, empty for the outermost."""
    title: str
    debug: bool
    root_path: str
    documentation: tuple[str, ...]
    """Paths of the schema and of the documentation pages that it serves."""
    operations: tuple[Operation, ...]
    """Its own, in the order in which they are matched."""
    middleware: tuple[RunningMiddleware, ...]
    """What the project installed, outermost first."""
    exception_handlers: tuple[str, ...]
    """Dotted names of exceptions, or status codes."""
    lifespan: bool
    """Whether it has a lifespan of its own."""
    dead_events: tuple[str, ...]
    """Start-up and shutdown handlers that never run, because a lifespan has replaced them."""
    mounts: tuple[Mounted, ...]
    mounted: tuple["RunningApp", ...]
    pools: tuple[Pool, ...]
    """Known for the outermost application only, for the whole process."""
    limiters: tuple[RunningLimiter, ...]
    """As for the pools."""
    errors: tuple[BrokenPart, ...]
    target: str = ""
    """What was imported, `module:attribute`; the outermost application only."""
    python: str = ""
    """The version of its interpreter; the outermost application only."""
    versions: tuple[tuple[str, str], ...] = ()
    """Installed versions of FastAPI, Starlette, Pydantic …; the outermost application only."""

    def applications(self) -> Iterator["RunningApp"]:
        """Itself, then those mounted below it."""
        yield self
        for each in self.mounted:
            yield from each.applications()

    def every_operation(self) -> Iterator[Operation]:
        """Its own operations, then those mounted below it."""
        for each in self.applications():
            yield from each.operations


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why the application could not be asked."""

    reason: str
    """One line: what happened, and what to do next where that is known."""
    last_lines: tuple[str, ...] = ()
    """The end of its own traceback or output."""

    def __str__(self) -> str:
        return "\n".join([self.reason, *(f"  {line}" for line in self.last_lines)])


def inspect(
    target: str,
    root: Path,
    python: Path | None = None,
    env_file: Path | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_SECONDS,
) -> RunningApp | Unavailable:
    """Imports `module:attribute` or `module:factory()` below the root, runs what that runs, and asks the application.

    The interpreter is the given one, else the project's `.venv` or `venv`, else ours. The environment is a minimal
    one and the file's. Raises `UsageError` for a target, an interpreter or a file that cannot be used.
    """
    # Late, so that a scan does not load subprocess and pydantic for it.
    from fastapi_audit.evidence import _app_process  # noqa: PLC0415

    return _app_process.ask(_app_process.Question(target, root, python, env_file, timeout_s))


def agree(source: Sequence[RouteRow], running: Sequence[Operation]) -> tuple[RouteRow, ...]:
    """Both tables as one, joined on (method, path): `known_by` says which side knows a route.

    A row of the source is split when the application knows only some of its methods. What FastAPI itself adds, and
    mounts, are left out of the comparison.
    """
    routed = {(each.method, each.path) for each in running}
    written = {(method, each.path) for each in source for method in _methods(each)}
    found = [each for each in running if (each.method, each.path) not in written and not _of_the_framework(each)]
    return (*(row for each in source for row in _confirmed(each, routed)), *map(_row, found))


def _confirmed(row: RouteRow, routed: set[tuple[str, str]]) -> Iterator[RouteRow]:
    methods = _methods(row)
    known = tuple(each for each in methods if (each, row.path) in routed)
    if row.kind == "mount" or not known:
        yield row
        return
    both = (*row.known_by, EvidenceKind.APP)
    if len(known) == len(methods):
        yield replace(row, known_by=both)
        return
    yield replace(row, methods=known, known_by=both)
    yield replace(row, methods=tuple(each for each in methods if each not in known))


def _methods(row: RouteRow) -> tuple[str, ...]:
    return ("WEBSOCKET",) if row.kind == "websocket" else row.methods


def _of_the_framework(operation: Operation) -> bool:
    automatic = operation.method in AUTOMATIC_METHODS and operation.kind == "Route"
    return automatic or operation.endpoint.startswith(OF_FASTAPI)


def _row(operation: Operation) -> RouteRow:
    websocket = operation.method == "WEBSOCKET"
    return RouteRow(
        methods=(operation.method,),
        path=operation.path,
        endpoint=operation.endpoint,
        location=operation.location,
        is_async=operation.is_async,
        dependencies=operation.dependencies,
        auth=operation.security,
        app=operation.app,
        kind="websocket" if websocket else "http",
        known_by=(EvidenceKind.APP,),
    )
