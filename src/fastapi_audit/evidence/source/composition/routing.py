"""Routes of an application as they are registered, flattened over routers and prefixes."""

from dataclasses import dataclass

from fastapi_audit.evidence.source.code import Program
from fastapi_audit.evidence.source.composition.applications import App
from fastapi_audit.evidence.source.composition.dependencies import Dependency, listed_dependencies
from fastapi_audit.evidence.source.composition.registered import Registered
from fastapi_audit.evidence.source.composition.routes import Route
from fastapi_audit.evidence.source.composition.sites import location_of
from fastapi_audit.evidence.source.composition.wrapping import Wrapping
from fastapi_audit.evidence.source.libraries import APPLICATIONS, DYNAMIC, ROUTE_METHODS, ROUTERS
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    Constant,
    Instance,
    Listing,
    Registration,
    Unknown,
    Value,
    literal,
)
from fastapi_audit.model import Unresolved

DEEPEST_INCLUDE = 30
MOST_REGISTRATIONS = 10_000
"""Of one application, those of a router once for each time that it is included: a few lines can make billions."""


@dataclass(slots=True)
class Way:
    """The way from an application to a router."""

    prefix: str
    dependencies: tuple[Dependency, ...]
    conditions: tuple[str, ...]
    stage: str
    routers: tuple[Instance, ...]


class Routing:
    """Fills an `App` with its routes, those of the routers that it includes among them."""

    def __init__(self, app: App, source: Program, wrapping: Wrapping) -> None:
        self.app = app
        self.source = source
        self.wrapping = wrapping
        self.left = MOST_REGISTRATIONS

    def registrations(self, owner: Instance, path: Way) -> None:
        if owner.site is not None:
            given = owner.keywords.get("routes", NOTHING)
            self._route_objects(given, path, Registration("routes", (), {}, owner.site))
        for entry in list(owner.registrations):
            if not self.left:
                return
            self.left -= 1
            if not self.left:
                self._lose("route", f"there are {MOST_REGISTRATIONS:,} registrations before it", entry)
            else:
                self._registration(entry, owner, path)

    def _registration(self, entry: Registration, owner: Instance, path: Way) -> None:  # noqa: C901, PLR0912  one table of methods
        method = entry.method
        if method in ROUTE_METHODS:
            self._route(entry, owner, path, (method.upper(),), entry.handler)
        elif method == "api_route":
            self._route(entry, owner, path, self._methods(entry), entry.handler)
        elif method == "route":
            self._route(entry, owner, path, self._methods(entry, 1), entry.handler, "starlette")
        elif method in {"websocket", "websocket_route"}:
            self._route(entry, owner, path, ("WEBSOCKET",), entry.handler, "websocket")
        elif method == "add_api_route":
            self._route(entry, owner, path, self._methods(entry), entry.argument("endpoint", 1))
        elif method == "add_route":
            self._route(
                entry,
                owner,
                path,
                self._methods(entry, 2),
                entry.argument("route", 1) or entry.argument("endpoint"),
                "starlette",
            )
        elif method in {"add_api_websocket_route", "add_websocket_route"}:
            self._route(
                entry,
                owner,
                path,
                ("WEBSOCKET",),
                entry.argument("endpoint", 1) or entry.argument("route"),
                "websocket",
            )
        elif method == "include_router":
            self._include(entry, owner, path)
        elif method == "mount":
            self._mount(entry, path)
        elif method in {"routes.append", "routes.insert"}:
            self._route_object(entry.args[-1] if entry.args else Unknown(), path, entry)
        elif method == "routes.extend":
            self._route_objects(entry.args[0] if entry.args else Unknown(), path, entry)
        elif method == DYNAMIC:
            self._lose("route", "the method that registers it is not known", entry)
        elif method in {"on_event", "add_event_handler"}:
            self.app.event_handlers.append(Registered(entry, self.app, self.source))
        elif owner is self.app.instance:
            self.wrapping.registration(entry)

    def _methods(self, entry: Registration, position: int | None = None) -> tuple[str, ...]:
        given = literal(entry.argument("methods", position))
        if isinstance(given, list) and all(isinstance(m, str) for m in given):
            return tuple(sorted({str(m).upper() for m in given}))
        return ("GET",)

    def _prefix_of(self, owner: Instance) -> str | None:
        given = owner.keywords.get("prefix")
        if given is None or owner.is_a(*APPLICATIONS):
            return ""
        value = literal(given)
        return value if isinstance(value, str) else None

    def _route(
        self,
        entry: Registration,
        owner: Instance,
        path: Way,
        methods: tuple[str, ...],
        handler: Value | None,
        kind: str = "http",
    ) -> None:
        local = literal(entry.argument("path", 0))
        prefix = self._prefix_of(owner)
        if not isinstance(local, str) or prefix is None:
            self._lose(
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

    def _lose(self, kind: str, why: str, entry: Registration) -> None:
        written = entry.site.file.source(entry.site.node).split("\n")[0][:120]
        self.app.unresolved.append(Unresolved(kind, f"`{written}`: {why}", location_of(entry.site)))

    def _include(self, entry: Registration, owner: Instance, path: Way) -> None:
        router = entry.argument("router", 0)
        if not isinstance(router, Instance) or not router.is_a(*ROUTERS, *APPLICATIONS):
            made_by = f" (made by `{router.type_name}`)" if isinstance(router, Instance) else ""
            self._lose("router", f"which router this includes is not known{made_by}", entry)
            return
        if router in path.routers or len(path.routers) > DEEPEST_INCLUDE:
            return
        given, own = literal(entry.keywords.get("prefix", Constant(""))), self._prefix_of(owner)
        if not isinstance(given, str) or own is None:
            self._lose("router", "the prefix that it is included under is not a constant", entry)
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
            router, Way(path.prefix + own + given, dependencies, conditions, entry.stage, (*path.routers, router))
        )

    def _mount(self, entry: Registration, path: Way) -> None:
        at = literal(entry.argument("path", 0))
        app = entry.argument("app", 1)
        if not isinstance(at, str):
            self._lose("mount", "the path that it is mounted at is not a constant", entry)
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
        if app is None or isinstance(app, Unknown) or (isinstance(app, Instance) and _is_open(app)):
            self._lose("mount", "which application is mounted is not known", entry)

    def _route_objects(self, listed: Value, path: Way, entry: Registration) -> None:
        for item in listed.items if isinstance(listed, Listing) else ():
            self._route_object(item, path, entry)
        if listed != NOTHING and not (isinstance(listed, Listing) and not listed.open_ended):
            self._lose("route", "which routes are added is not known", entry)

    def _route_object(self, item: Value, path: Way, entry: Registration) -> None:
        """`Route(...)`, `APIRoute(...)`, `WebSocketRoute(...)`, `Mount(...)` in a list of routes."""
        if not isinstance(item, Instance) or item.site is None:
            self._lose("route", "which route is added is not known", entry)
            return
        made = Registration("Route", item.args, item.keywords, item.site, None, entry.conditions, entry.stage)
        if item.is_a("starlette.routing.Mount"):
            self._mount(made, path)
        elif item.is_a("starlette.routing.WebSocketRoute", "fastapi.routing.APIWebSocketRoute"):
            self._route(made, self.app.instance, path, ("WEBSOCKET",), made.argument("endpoint", 1), "websocket")
        elif item.is_a("starlette.routing.Route", "fastapi.routing.APIRoute"):
            kind = "http" if item.is_a("fastapi.routing.APIRoute") else "starlette"
            self._route(made, self.app.instance, path, self._methods(made), made.argument("endpoint", 1), kind)
        else:
            self._lose("route", "which route is added is not known", made)


def _is_open(app: Instance) -> bool:
    """Whether it is an application known only by its type, or what foreign code made or knows more of."""
    if isinstance(app.cls, ClassValue):
        foreign = [name for name in app.cls.externals() if "." in name and not name.startswith(("abc.", "typing."))]
        return any(not name.startswith(("starlette.", "fastapi.")) for name in foreign)
    return (app.is_a(*APPLICATIONS, *ROUTERS) and app.site is None) or app.type_name.endswith("()")
