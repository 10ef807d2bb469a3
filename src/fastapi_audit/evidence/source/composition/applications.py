"""Applications: what one FastAPI object serves and what is mounted below it."""

from dataclasses import dataclass, field
from functools import cached_property

from fastapi_audit.evidence.source.code import Call, Expression, Function, Program
from fastapi_audit.evidence.source.composition.dependencies import Dependency, listed_dependencies
from fastapi_audit.evidence.source.composition.middleware import Middleware
from fastapi_audit.evidence.source.composition.registered import ExceptionHandler, Registered
from fastapi_audit.evidence.source.composition.routes import Route
from fastapi_audit.evidence.source.composition.sites import call_of, location_of
from fastapi_audit.evidence.source.values import NOTHING, Instance, Registration, Value
from fastapi_audit.model import Finding, Fix, Location, Severity, Unresolved


@dataclass(eq=False)
class App:
    """One FastAPI (or Starlette) application."""

    instance: Instance
    source: Program
    name: str = ""
    """`module:variable` where known, else `module:factory()`."""
    mounted_at: str | None = None
    """The path below which another application mounts it; `None` for a root application."""
    mounted_under: tuple[str, ...] = ()
    """The conditions of the mount."""
    parent: "App | None" = None
    routes: list[Route] = field(default_factory=list)
    """In the order in which they are matched; mounted applications keep their own."""
    middleware: list[Middleware] = field(default_factory=list)
    """Outermost first."""
    exception_handlers: list[ExceptionHandler] = field(default_factory=list)
    event_handlers: list[Registered] = field(default_factory=list)
    """`on_event` and `add_event_handler` of the application and of its routers."""
    mounts: "list[App]" = field(default_factory=list)
    handed_to: list[Registration] = field(default_factory=list)
    """Calls of foreign code that take the application as an argument."""
    unresolved: list[Unresolved] = field(default_factory=list)

    @property
    def call(self) -> Call | None:
        """`FastAPI(...)` as written."""
        site = self.instance.site
        return None if site is None else call_of(self.source, site)

    @property
    def location(self) -> Location:
        return location_of(self.instance.site) or Location("", 1)

    @property
    def is_fastapi(self) -> bool:
        return self.instance.is_a("fastapi.FastAPI")

    @property
    def is_mounted(self) -> bool:
        return self.mounted_at is not None

    @property
    def conditions(self) -> tuple[str, ...]:
        """Every condition on the way from the root application to this one."""
        return (*(self.parent.conditions if self.parent is not None else ()), *self.mounted_under)

    @property
    def root(self) -> "App":
        """The application that serves it: itself, or the one that mounts it."""
        return self.parent.root if self.parent is not None else self

    @property
    def base_path(self) -> str:
        """The prefixes of the mounts above it; empty for a root application."""
        return (self.parent.base_path if self.parent is not None else "") + (self.mounted_at or "")

    def argument(self, name: str) -> Value | None:
        """A value that the constructor got."""
        return self.instance.keywords.get(name)

    def written(self, name: str) -> Expression | None:
        """A constructor argument as written."""
        call = self.call
        return call.argument(name) if call is not None else None

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What `FastAPI(dependencies=[…])` asks for."""
        return tuple(listed_dependencies(self.argument("dependencies"), "app", self.source))

    @property
    def lifespan(self) -> Function | None:
        """The lifespan function, when it is in the program."""
        value = self.argument("lifespan")
        return self.source.called_function(value) if value is not None else None

    @property
    def has_lifespan(self) -> bool:
        value = self.argument("lifespan")
        return value is not None and value != NOTHING

    @property
    def all_routes(self) -> list[Route]:
        """Its routes and those of the applications mounted below it."""
        return [*self.routes, *(r for m in self.mounts for r in m.all_routes)]

    @cached_property
    def routes_of_many_paths(self) -> list[Route]:
        """Its routes that answer more than one path: mounts, and those with parameters."""
        return [r for r in self.routes if r.kind == "mount" or "{" in r.path]

    @cached_property
    def routes_by_template(self) -> dict[str, list[Route]]:
        """Its routes, those together that differ in the names of their parameters at most."""
        found: dict[str, list[Route]] = {}
        for route in self.routes:
            found.setdefault(route.template, []).append(route)
        return found

    @property
    def modules(self) -> list[str]:
        """The dotted names of the modules whose handlers it serves."""
        return sorted({r.function.file.name for r in self.all_routes if r.function is not None})

    def finding(self, message: str, *, fix: Fix | None = None, severity: Severity | None = None) -> Finding:
        """A finding at `FastAPI(...)`."""
        return Finding(message, self.location, None, (), fix, severity)
