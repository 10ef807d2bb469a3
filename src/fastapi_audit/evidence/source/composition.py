"""Applications, routes, middleware, handlers, dependencies: what was registered, flattened over the program."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from fastapi_audit.evidence.source.code import Call, Class, Expression, Function, Program
from fastapi_audit.evidence.source.libraries import (
    APPLICATIONS,
    DEPENDS,
    DYNAMIC,
    ROUTE_METHODS,
    ROUTERS,
    SECURITY_PREFIX,
)
from fastapi_audit.evidence.source.probing import probe_of
from fastapi_audit.evidence.source.stack import refusals, role_of
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Listing,
    Partial,
    Registration,
    Site,
    Table,
    Unknown,
    Value,
    dotted_name,
    literal,
)
from fastapi_audit.model import Finding, Fix, Location, MiddlewareRow, RouteRow, Severity, Step, Unresolved

DEEPEST_INCLUDE = 30

_PARAMETER = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")
_CONVERTORS = {
    "str": ("[^/]+", "-sample-"),
    "path": (".*", "-sample-/-path-"),
    "int": ("[0-9]+", "7"),
    "float": (r"[0-9]+(\.[0-9]+)?", "7.5"),
    "uuid": ("[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
             "00000000-0000-4000-8000-000000000000"),
}  # fmt: skip
"""Starlette's convertors: what each matches, and a value that fits."""


@dataclass(frozen=True, slots=True, eq=False)
class Dependency:
    """One `Depends(...)` or `Security(...)`: what is asked for, where, and how."""

    marker: Instance
    """The `Depends` or `Security` call itself."""
    level: str
    """`parameter`, `route`, `include`, `router` or `app`: where it is declared."""
    source: Program
    parameter: str | None = None
    """The parameter that takes its value."""
    conditional: bool = False
    """Whether it is added only under a condition."""
    annotation: Value | None = None
    """For `Depends()` without argument, the annotated class that it stands for."""

    @property
    def provider(self) -> Value:
        """What is called: a function, a class, an instance."""
        given = self.marker.argument("dependency", 0)
        if given is None or given == NOTHING:
            return self.annotation or Unknown()
        return given

    @property
    def function(self) -> Function | None:
        """The project function behind it; for a class its constructor, for an instance its `__call__`."""
        provider = self.provider
        if isinstance(provider, Instance) and isinstance(provider.cls, ClassValue):
            method = provider.cls.lookup("__call__")
            return self.source.function(method.bound(provider)) if isinstance(method, FunctionValue) else None
        return self.source.called_function(provider)

    @property
    def cls(self) -> Class | None:
        """The project class whose constructor is the provider, for `Depends(Class)`."""
        provider = self.provider
        return self.source.class_of(provider) if isinstance(provider, ClassValue) else None

    @property
    def is_foreign(self) -> bool:
        """Whether what it runs is not in the program."""
        provider = self.provider
        own = isinstance(provider, Instance) and isinstance(provider.cls, ClassValue)
        return self.function is None and self.cls is None and not own

    @property
    def name(self) -> str:
        """The dotted name of the provider."""
        provider = self.provider
        if isinstance(provider, Partial):
            provider = provider.target
        return dotted_name(provider) or "unknown"

    @property
    def is_security(self) -> bool:
        """Whether the provider is one of FastAPI's security schemes."""
        provider = self.provider
        if isinstance(provider, Instance):
            names = provider.cls.externals() if isinstance(provider.cls, ClassValue) else {provider.type_name}
            return any(n.startswith(SECURITY_PREFIX) for n in names)
        return False

    @property
    def scope(self) -> str | None:
        """`function` or `request`, as given."""
        found = literal(self.marker.argument("scope"))
        return found if isinstance(found, str) else None

    @property
    def use_cache(self) -> bool:
        return literal(self.marker.argument("use_cache")) is not False

    @property
    def call(self) -> Call | None:
        """The `Depends(...)` as written."""
        return call_of(self.source, self.marker.site)

    @property
    def location(self) -> Location | None:
        return location_of(self.marker.site)

    @property
    def dependencies(self) -> "tuple[Dependency, ...]":
        """What the provider itself depends on."""
        function = self.function
        return tuple(parameter_dependencies(function)) if function is not None else ()

    def walk(self) -> "Iterator[Dependency]":
        """This and everything it depends on, each provider once."""
        seen: set[object] = set()
        pending = [self]
        while pending:
            current = pending.pop(0)
            key = current.function.node if current.function is not None else current.name
            if key in seen or len(seen) > 500:  # noqa: PLR2004  a bound against cycles through unknown names
                continue
            seen.add(key)
            yield current
            pending.extend(current.dependencies)


def parameter_dependencies(function: Function) -> Iterator[Dependency]:
    """The dependencies that a function asks for in its signature."""
    for parameter in function.parameters:
        for value in parameter.metadata:
            if isinstance(value, Instance) and value.is_a(*DEPENDS):
                typed = parameter.value
                annotation = typed.cls if isinstance(typed, Instance) else None
                yield Dependency(value, "parameter", function.source, parameter.name, annotation=annotation)


def listed_dependencies(value: Value | None, level: str, source: Program) -> Iterator[Dependency]:
    """The dependencies of a `dependencies=[…]` argument."""
    if isinstance(value, Listing):
        for item in value.items:
            if isinstance(item, Instance) and item.is_a(*DEPENDS):
                yield Dependency(item, level, source, conditional=id(item) in value.uncertain)


def location_of(site: Site | None) -> Location | None:
    return None if site is None else site.file.location(site.node)


def call_of(source: Program, site: Site | None) -> Call | None:
    """The bound call of a site, in the function or module that it stands in."""
    if site is None:
        return None
    scope = site.scope
    while scope.function is None and scope.parent is not None:
        scope = scope.parent
    body = source.function(scope.function) if scope.function is not None else source.module_of(site.file)
    return Call(site.node, body)


@dataclass(eq=False)
class Registered:
    """What routes, middleware and handlers share: the call that registered them."""

    registration: Registration
    app: "App"
    source: Program

    @property
    def call(self) -> Call:
        """The registering call as written: `router.get("/x")`, `app.add_middleware(…)`."""
        found = call_of(self.source, self.registration.site)
        if found is None:
            raise ValueError(self.registration.method)
        return found

    @property
    def location(self) -> Location:
        """Where it is registered."""
        return self.registration.site.file.location(self.registration.site.node)

    @property
    def condition(self) -> str | None:
        """The source of the conditions that it stands under; `None` when it always exists."""
        return " and ".join(self.registration.conditions) or None

    @property
    def stage(self) -> str:
        """`import`, `lifespan` or `startup`: when it is registered."""
        return self.registration.stage

    def argument(self, name: str, position: int | None = None) -> Value | None:
        """A value that was passed to the registering call."""
        return self.registration.argument(name, position)

    def written(self, name: str, position: int | None = None) -> Expression | None:
        """An argument of the registering call as written."""
        return self.call.argument(name, position)

    def finding(
        self, message: str, *, fix: Fix | None = None, severity: Severity | None = None, trace: tuple[Step, ...] = ()
    ) -> Finding:
        """A finding where it is registered."""
        return Finding(message, self.location, None, trace, fix, severity)


@dataclass(eq=False)
class Route(Registered):
    """One path of one application with its methods and its handler; `include_router` prefixes are in the path."""

    path: str = ""
    methods: tuple[str, ...] = ()
    """Upper case, sorted; `WEBSOCKET` for a WebSocket route."""
    handler: Value = field(default_factory=Unknown)
    declared: tuple[Dependency, ...] = ()
    """Dependencies of app, routers, includes and `dependencies=[…]`, outermost first."""
    conditions: tuple[str, ...] = ()
    """Every condition on the way from the application to the route."""
    router: Instance | None = None
    """The application or router object that it was registered on."""
    position: int = 0
    """Its place in the order in which paths are matched, from 0."""
    kind: str = "http"
    """`http`, `websocket`, `starlette` (no dependency injection) or `mount`."""
    local_path: str = ""
    """As passed to the registering call, without prefixes."""

    @property
    def condition(self) -> str | None:
        return " and ".join(dict.fromkeys((*self.app.conditions, *self.conditions))) or None

    @cached_property
    def function(self) -> Function | None:
        """The handler, when it is a function of the program."""
        return self.source.called_function(self.handler) if not isinstance(self.handler, ClassValue) else None

    @property
    def full_path(self) -> str:
        """The path as clients write it, with the prefixes of the mounts that its application stands below."""
        return self.app.base_path + self.path

    @property
    def operation(self) -> str:
        """`GET /users/{id}`."""
        return f"{self.methods[0] if self.methods else self.kind.upper()} {self.full_path}"

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(f"{m} {self.full_path}" for m in self.methods)

    @property
    def endpoint(self) -> str:
        """The dotted name of the handler."""
        return dotted_name(self.handler) or (self.function.qualified_name if self.function else "unknown")

    @property
    def is_async(self) -> bool:
        return self.function is not None and self.function.is_async

    @property
    def is_websocket(self) -> bool:
        return self.kind == "websocket"

    @property
    def probe(self) -> str | None:
        """`liveness`, `readiness` or `health`, when its path says that an orchestrator asks for it."""
        return probe_of(self.full_path) if "GET" in self.methods else None

    @property
    def is_mutating(self) -> bool:
        return not {"POST", "PUT", "PATCH", "DELETE"}.isdisjoint(self.methods)

    @cached_property
    def direct_dependencies(self) -> tuple[Dependency, ...]:
        """What app, routers, includes, the route and the handler's signature ask for."""
        own = tuple(parameter_dependencies(self.function)) if self.function is not None else ()
        return (*self.declared, *own)

    @cached_property
    def dependencies(self) -> tuple[Dependency, ...]:
        """The direct dependencies and everything below them, each provider once."""
        if self.kind in {"starlette", "mount"}:
            return ()
        seen: set[object] = set()
        found: list[Dependency] = []
        for direct in self.direct_dependencies:
            for dependency in direct.walk():
                key = dependency.function.node if dependency.function is not None else dependency.name
                if key not in seen:
                    seen.add(key)
                    found.append(dependency)
        return tuple(found)

    @cached_property
    def auth(self) -> tuple[str, ...]:
        """The dotted names of the security schemes and auth-like dependencies that guard it."""
        return tuple(d.name for d in self.dependencies if self.source.authenticates(d))

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in braces, without convertors."""
        return tuple(part.partition("}")[0].partition(":")[0] for part in self.path.split("{")[1:])

    @property
    def template(self) -> str:
        """The path with its parameters reduced to their convertors: what two equal routes have in common."""
        return _PARAMETER.sub(lambda m: "{" + (m[2] or "str") + "}", self.path)

    @property
    def sample(self) -> str:
        """A path that only this route is meant for: literals as they are, a fitting value for each parameter."""
        return _PARAMETER.sub(lambda m: _CONVERTORS.get(m[2] or "str", ("", "-"))[1], self.path)

    @cached_property
    def pattern(self) -> "re.Pattern[str] | None":
        """What it matches; `None` when a convertor is not known. A mount matches everything below it."""
        pieces: list[str] = []
        end = 0
        for found in _PARAMETER.finditer(self.path):
            known = _CONVERTORS.get(found[2] or "str")
            if known is None:
                return None
            pieces += [re.escape(self.path[end : found.start()]), known[0]]
            end = found.end()
        pieces.append(re.escape(self.path[end:]))
        return re.compile("".join(pieces) + ("/.*" if self.kind == "mount" else ""))

    def matches(self, path: str) -> bool:
        """Whether it answers a path, whatever the method."""
        return self.pattern is not None and self.pattern.fullmatch(path) is not None

    def answers(self, methods: Sequence[str]) -> bool:
        """Whether it takes all of these methods; a mount takes every one."""
        return self.kind == "mount" or set(methods) <= set(self.methods)

    @property
    def response_model(self) -> Expression | None:
        """`response_model=` as written, else the return annotation of the handler."""
        return self.written("response_model") or (self.function.returns if self.function else None)

    @property
    def status_code(self) -> int | None:
        """The declared success status; `None` when it is not known."""
        found = literal(self.argument("status_code"))
        if found is None:
            return 200
        return found if isinstance(found, int) else (200 if self.argument("status_code") is None else None)

    @property
    def in_schema(self) -> bool:
        return literal(self.argument("include_in_schema")) is not False

    @property
    def where(self) -> Location:
        """The first decorator of the handler, else the registering call."""
        function = self.function
        if function is None:
            return self.location
        return Location(function.file.path, function.first_line)

    def finding(
        self, message: str, *, fix: Fix | None = None, severity: Severity | None = None, trace: tuple[Step, ...] = ()
    ) -> Finding:
        """A finding at the call that registers the route."""
        return Finding(message, self.location, self.operation, trace, fix, severity)

    def row(self) -> RouteRow:
        """The route as reports print it."""
        return RouteRow(
            self.methods, self.full_path, self.endpoint, self.where, self.is_async,
            tuple(d.name for d in self.direct_dependencies if not d.conditional), self.auth, self.condition,
            self.app.root.name,
            "http" if self.kind == "starlette" else self.kind,
        )  # fmt: skip


@dataclass(eq=False)
class Middleware(Registered):
    """One middleware of one application."""

    cls: Value = field(default_factory=Unknown)
    options: dict[str, Value] = field(default_factory=dict)
    """What is passed to its constructor."""
    position: int = 0
    """0 for the outermost."""

    @property
    def name(self) -> str:
        """The dotted name of the class; of the function, for `@app.middleware("http")`."""
        return dotted_name(self.cls) or "unknown"

    @property
    def is_function(self) -> bool:
        """Whether it is a function under `@app.middleware("http")`."""
        return isinstance(self.cls, FunctionValue)

    @property
    def defined_class(self) -> Class | None:
        """The project class, when it is one."""
        return self.source.class_of(self.cls) if isinstance(self.cls, ClassValue) else None

    @property
    def functions(self) -> list[Function]:
        """What runs for each request: the function, `dispatch`, or `__call__`, when they are in the program."""
        if isinstance(self.cls, FunctionValue):
            return [self.source.function(self.cls)]
        if isinstance(self.cls, ClassValue):
            found = [self.cls.lookup(name) for name in ("dispatch", "__call__")]
            return [self.source.function(f) for f in found if isinstance(f, FunctionValue)]
        return []

    def is_a(self, *names: str) -> bool:
        """Whether the class is one of these or descends from one."""
        if isinstance(self.cls, External):
            return self.cls.name in names
        return isinstance(self.cls, ClassValue) and not self.cls.externals().isdisjoint(names)

    @cached_property
    def role(self) -> str:
        """What it is for, one of `ROLES`: `observing`, `cors`, `refusing`, `compressing`, `other` …"""
        return role_of(self)

    @property
    def refusals(self) -> frozenset[int]:
        """The error statuses that project code answers with in place of the rest of the stack."""
        return frozenset(status for function in self.functions for status in refusals(function))

    def constant(self, name: str) -> object:
        """The constant that an option got; `...` when it is not known, `None` when the option was not passed."""
        given = self.options.get(name)
        return None if given is None else literal(given)

    def is_default(self, name: str) -> bool:
        """Whether an option is only the default of a setting."""
        given = self.options.get(name)
        values = given.items if isinstance(given, Listing) else [given]
        return any(isinstance(v, Constant) and v.is_default for v in values)

    def option(self, name: str, position: int | None = None) -> Expression | None:
        """A constructor option as written; positions count after the class."""
        offset = None if position is None else position + 1
        return self.written(name, offset)

    def row(self) -> MiddlewareRow:
        name = f"starlette.middleware.base.BaseHTTPMiddleware:{self.name}" if self.is_function else self.name
        return MiddlewareRow(name, self.location, self.condition, self.app.name)


@dataclass(eq=False)
class ExceptionHandler(Registered):
    """One exception handler of one application."""

    exception: Value = field(default_factory=Unknown)
    """The exception class, or the status code."""
    handler: Value = field(default_factory=Unknown)

    @property
    def exception_name(self) -> str:
        """The dotted name of the class, or the status code as text."""
        constant = literal(self.exception)
        return str(constant) if isinstance(constant, int) else dotted_name(self.exception) or "unknown"

    @property
    def handler_name(self) -> str | None:
        """The dotted name of the function that handles it."""
        return dotted_name(self.handler)

    @cached_property
    def function(self) -> Function | None:
        return self.source.called_function(self.handler)


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
        return call_of(self.source, self.instance.site)

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

    @property
    def modules(self) -> list[str]:
        """The dotted names of the modules whose handlers it serves."""
        return sorted({r.function.file.name for r in self.all_routes if r.function is not None})

    def finding(self, message: str, *, fix: Fix | None = None, severity: Severity | None = None) -> Finding:
        """A finding at `FastAPI(...)`."""
        return Finding(message, self.location, None, (), fix, severity)


@dataclass(slots=True)
class _Path:
    """The way from an application to a router."""

    prefix: str
    dependencies: tuple[Dependency, ...]
    conditions: tuple[str, ...]
    stage: str
    routers: tuple[Instance, ...]


def compose(instance: Instance, source: Program) -> App:
    """Flattens what was registered on an application."""
    app = App(instance, source)
    builder = _Builder(app, source)
    start = _Path(
        "", tuple(listed_dependencies(instance.keywords.get("dependencies"), "app", source)), (), "import", (instance,)
    )
    builder.constructor()
    builder.registrations(instance, start)
    builder.order_middleware()
    for position, route in enumerate(app.routes):
        route.position = position
    return app


class _Builder:
    """Fills an `App` from the registrations of its object and of the routers that it includes."""

    def __init__(self, app: App, source: Program) -> None:
        self.app = app
        self.source = source
        self.added: list[Middleware] = []
        self.listed: list[Middleware] = []
        self.mounted: list[tuple[Instance, str, Registration]] = []

    def constructor(self) -> None:
        """`FastAPI(middleware=[…], routes=[…], exception_handlers={…})`."""
        instance = self.app.instance
        if instance.site is None:
            return
        listed = instance.keywords.get("middleware")
        for item in listed.items if isinstance(listed, Listing) else ():
            if isinstance(item, Instance) and item.args:
                site = item.site or instance.site
                entry = Registration("middleware", item.args, item.keywords, site)
                self.listed.append(Middleware(entry, self.app, self.source, item.args[0], dict(item.keywords)))
        handlers = instance.keywords.get("exception_handlers")
        for key, handler in handlers.items.items() if isinstance(handlers, Table) else ():
            exception = key if isinstance(key, ClassValue | External) else Constant(key)
            entry = Registration("exception_handlers", (exception, handler), {}, instance.site)
            self.app.exception_handlers.append(ExceptionHandler(entry, self.app, self.source, exception, handler))

    def order_middleware(self) -> None:
        """The last added is the outermost; a list given to the constructor runs in its own order, inside."""
        self.app.middleware = [*reversed(self.added), *self.listed]
        for position, middleware in enumerate(self.app.middleware):
            middleware.position = position

    def registrations(self, owner: Instance, path: _Path) -> None:
        routes = owner.keywords.get("routes")
        for item in routes.items if isinstance(routes, Listing) else ():
            self.route_object(item, path, owner, None)
        for entry in list(owner.registrations):
            self.registration(entry, owner, path)

    def registration(self, entry: Registration, owner: Instance, path: _Path) -> None:  # noqa: C901, PLR0912  one table of methods
        method = entry.method
        if method in ROUTE_METHODS:
            self.route(entry, owner, path, (method.upper(),), entry.handler)
        elif method == "api_route":
            self.route(entry, owner, path, self.methods(entry), entry.handler)
        elif method == "route":
            self.route(entry, owner, path, self.methods(entry, 1), entry.handler, "starlette")
        elif method in {"websocket", "websocket_route"}:
            self.route(entry, owner, path, ("WEBSOCKET",), entry.handler, "websocket")
        elif method == "add_api_route":
            self.route(entry, owner, path, self.methods(entry), entry.argument("endpoint", 1))
        elif method == "add_route":
            self.route(
                entry,
                owner,
                path,
                self.methods(entry, 2),
                entry.argument("route", 1) or entry.argument("endpoint"),
                "starlette",
            )
        elif method in {"add_api_websocket_route", "add_websocket_route"}:
            self.route(
                entry,
                owner,
                path,
                ("WEBSOCKET",),
                entry.argument("endpoint", 1) or entry.argument("route"),
                "websocket",
            )
        elif method == "include_router":
            self.include(entry, owner, path)
        elif method == "mount":
            self.mount(entry, path)
        elif method in {"routes.append", "routes.insert"}:
            self.route_object(entry.args[-1] if entry.args else Unknown(), path, owner, entry)
        elif method == "routes.extend":
            listed = entry.args[0] if entry.args else Unknown()
            for item in listed.items if isinstance(listed, Listing) else (Unknown(),):
                self.route_object(item, path, owner, entry)
        elif method == DYNAMIC:
            self.lose("route", "the method that registers it is not known", entry)
        elif method in {"on_event", "add_event_handler"}:
            self.app.event_handlers.append(Registered(entry, self.app, self.source))
        elif owner is self.app.instance:
            self.application_only(entry)

    def application_only(self, entry: Registration) -> None:
        match entry.method:
            case "add_middleware":
                cls = entry.argument("middleware_class", 0) or Unknown()
                options = {k: v for k, v in entry.keywords.items() if k != "middleware_class"}
                self.added.append(Middleware(entry, self.app, self.source, cls, options))
            case "middleware":
                self.added.append(Middleware(entry, self.app, self.source, entry.handler or Unknown()))
            case "exception_handler" | "add_exception_handler":
                exception = entry.argument("exc_class_or_status_code", 0) or Unknown()
                handler = entry.handler if entry.method == "exception_handler" else entry.argument("handler", 1)
                self.app.exception_handlers.append(
                    ExceptionHandler(entry, self.app, self.source, exception, handler or Unknown())
                )
            case _:
                self.foreign(entry)

    def foreign(self, entry: Registration) -> None:
        """What well-known libraries do to an application that they are given."""
        self.app.handed_to.append(entry)
        if entry.method == "prometheus_fastapi_instrumentator.Instrumentator.instrument":
            cls = External("prometheus_fastapi_instrumentator.middleware.PrometheusInstrumentatorMiddleware")
            self.added.append(Middleware(entry, self.app, self.source, cls))
        elif entry.method == "prometheus_fastapi_instrumentator.Instrumentator.expose":
            given = literal(entry.keywords.get("endpoint"))
            route = Route(
                entry,
                self.app,
                self.source,
                given if isinstance(given, str) else "/metrics",
                ("GET",),
                External("prometheus_fastapi_instrumentator.Instrumentator.metrics"),
            )
            route.conditions = entry.conditions
            self.app.routes.append(route)

    def methods(self, entry: Registration, position: int | None = None) -> tuple[str, ...]:
        given = literal(entry.argument("methods", position))
        if isinstance(given, list) and all(isinstance(m, str) for m in given):
            return tuple(sorted({str(m).upper() for m in given}))
        return ("GET",)

    def prefix_of(self, owner: Instance) -> str | None:
        given = owner.keywords.get("prefix")
        if given is None or owner.is_a(*APPLICATIONS):
            return ""
        value = literal(given)
        return value if isinstance(value, str) else None

    def route(
        self,
        entry: Registration,
        owner: Instance,
        path: _Path,
        methods: tuple[str, ...],
        handler: Value | None,
        kind: str = "http",
    ) -> None:
        local = literal(entry.argument("path", 0))
        prefix = self.prefix_of(owner)
        if not isinstance(local, str) or prefix is None:
            self.lose(
                "route",
                "its path is not a constant" if not isinstance(local, str) else "its router's prefix is not a constant",
                entry,
            )
            return
        declared = (*path.dependencies, *listed_dependencies(entry.keywords.get("dependencies"), "route", self.source))
        if owner is not self.app.instance:
            own = tuple(listed_dependencies(owner.keywords.get("dependencies"), "router", self.source))
            declared = (*path.dependencies, *own, *declared[len(path.dependencies) :])
        full = path.prefix + prefix + local
        route = Route(
            entry,
            self.app,
            self.source,
            full,
            methods,
            handler or Unknown(),
            declared,
            (*path.conditions, *entry.conditions),
            owner,
            kind=kind,
            local_path=local,
        )
        if kind == "starlette":
            route.declared = ()
        self.app.routes.append(route)

    def lose(self, kind: str, why: str, entry: Registration) -> None:
        written = entry.site.file.source(entry.site.node).split("\n")[0][:120]
        self.app.unresolved.append(Unresolved(kind, f"`{written}`: {why}", location_of(entry.site)))

    def include(self, entry: Registration, owner: Instance, path: _Path) -> None:
        router = entry.argument("router", 0)
        if not isinstance(router, Instance) or not router.is_a(*ROUTERS, *APPLICATIONS):
            made_by = f" (made by `{router.type_name}`)" if isinstance(router, Instance) else ""
            self.lose("router", f"which router this includes is not known{made_by}", entry)
            return
        if router in path.routers or len(path.routers) > DEEPEST_INCLUDE:
            return
        given, own = literal(entry.keywords.get("prefix", Constant(""))), self.prefix_of(owner)
        if not isinstance(given, str) or own is None:
            self.lose("router", "the prefix that it is included under is not a constant", entry)
            return
        dependencies = path.dependencies
        if owner is not self.app.instance:
            dependencies = (
                *dependencies,
                *listed_dependencies(owner.keywords.get("dependencies"), "router", self.source),
            )
        dependencies = (*dependencies, *listed_dependencies(entry.keywords.get("dependencies"), "include", self.source))
        conditions = (*path.conditions, *entry.conditions)
        self.registrations(
            router, _Path(path.prefix + own + given, dependencies, conditions, entry.stage, (*path.routers, router))
        )

    def mount(self, entry: Registration, path: _Path) -> None:
        at = literal(entry.argument("path", 0))
        app = entry.argument("app", 1)
        if not isinstance(at, str):
            self.lose("mount", "the path that it is mounted at is not a constant", entry)
            return
        full = (path.prefix + at).rstrip("/")
        route = Route(
            entry,
            self.app,
            self.source,
            full,
            (),
            app or Unknown(),
            (),
            (*path.conditions, *entry.conditions),
            None,
            kind="mount",
            local_path=at,
        )
        self.app.routes.append(route)
        is_application = isinstance(app, Instance) and app.is_a(*APPLICATIONS, *ROUTERS)
        if app is None or isinstance(app, Unknown) or (isinstance(app, Instance) and _is_open(app)):
            self.lose("mount", "which application is mounted is not known", entry)
        if isinstance(app, Instance) and is_application:
            self.mounted.append((app, full, entry))

    def route_object(self, item: Value, path: _Path, owner: Instance, entry: Registration | None) -> None:
        """`Route(...)`, `APIRoute(...)`, `WebSocketRoute(...)`, `Mount(...)` in a list of routes."""
        site = entry.site if entry is not None else owner.site
        if not isinstance(item, Instance) or item.site is None:
            if site is not None:
                self.lose("route", "which route is added is not known", entry or Registration("routes", (), {}, site))
            return
        made = Registration("Route", item.args, item.keywords, item.site, None, entry.conditions if entry else ())
        if item.is_a("starlette.routing.Mount"):
            self.mount(made, path)
        elif item.is_a("starlette.routing.WebSocketRoute", "fastapi.routing.APIWebSocketRoute"):
            self.route(made, self.app.instance, path, ("WEBSOCKET",), made.argument("endpoint", 1), "websocket")
        elif item.is_a("starlette.routing.Route", "fastapi.routing.APIRoute"):
            kind = "http" if item.is_a("fastapi.routing.APIRoute") else "starlette"
            self.route(made, self.app.instance, path, self.methods(made), made.argument("endpoint", 1), kind)


def _is_open(app: Instance) -> bool:
    """Whether it is an application known only by its type, or what foreign code made or knows more of."""
    if isinstance(app.cls, ClassValue):
        foreign = [name for name in app.cls.externals() if "." in name and not name.startswith(("abc.", "typing."))]
        return any(not name.startswith(("starlette.", "fastapi.")) for name in foreign)
    return (app.is_a(*APPLICATIONS, *ROUTERS) and app.site is None) or app.type_name.endswith("()")


def mount_applications(apps: list[App]) -> None:
    """Connects mounted applications with the one that mounts them."""
    by_instance = {id(a.instance): a for a in apps}
    for app in apps:
        for route in app.routes:
            handler = route.handler
            if route.kind != "mount" or not isinstance(handler, Instance):
                continue
            child = by_instance.get(id(handler))
            if child is not None and child is not app and child.parent is None and app.parent is not child:
                child.mounted_at, child.parent = route.path, app
                child.mounted_under = route.conditions
                app.mounts.append(child)
