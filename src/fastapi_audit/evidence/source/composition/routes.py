"""Routes: paths, methods and handlers with everything that guards them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from fastapi_audit.evidence.source.code import Expression, Function
from fastapi_audit.evidence.source.composition.dependencies import Dependency, parameter_dependencies
from fastapi_audit.evidence.source.composition.registered import Registered
from fastapi_audit.evidence.source.probing import probe_of
from fastapi_audit.evidence.source.values import ClassValue, Instance, Unknown, Value, dotted_name, literal
from fastapi_audit.model import Finding, Fix, Location, RouteRow, Severity, Step

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

    @cached_property
    def template(self) -> str:
        """The path with its parameters reduced to their convertors: what two equal routes have in common."""
        return _PARAMETER.sub(lambda m: "{" + (m[2] or "str") + "}", self.path)

    @cached_property
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
