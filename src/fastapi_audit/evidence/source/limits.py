"""What limits how often a route may be called: decorators, dependencies, middleware and calls, by any library."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.source.code import Call, Expression, Function
from fastapi_audit.evidence.source.composition import App, Route
from fastapi_audit.evidence.source.libraries import APPLICATIONS, ROUTE_METHODS, ROUTERS
from fastapi_audit.evidence.source.remembering import remembered
from fastapi_audit.evidence.source.values import ClassValue

_LIMITING = re.compile(
    r"rate_?limit|throttl|limiter|limits?_(?:per|requests|calls|by)|quota|slow_?down|brute|lock_?out|attempts|too_many",
    re.IGNORECASE,
)
DEEPEST, MOST = 3, 200
"""How far calls of a handler are followed, and how many functions at most."""

_SLOWAPI = ("slowapi.Limiter.limit", "slowapi.Limiter.shared_limit")
_SLOWAPI_MIDDLEWARE = ("slowapi.middleware.SlowAPIMiddleware", "slowapi.middleware.SlowAPIASGIMiddleware")


@dataclass(frozen=True, slots=True)
class LimitedFunction:
    """A function under slowapi's `@limiter.limit(…)`, `@limiter.shared_limit(…)`, or `@limiter.exempt`."""

    function: Function
    decorator: Expression
    """As written after the `@`."""
    method: str
    """`limit`, `shared_limit` or `exempt`."""

    @property
    def call(self) -> Call | None:
        """The decorator as a call; `@limiter.exempt` is none."""
        return self.decorator if isinstance(self.decorator, Call) else None

    @property
    def limiter(self) -> Expression | None:
        """The limiter as written: `limiter` of `@limiter.limit("2/minute")`."""
        return self.call.receiver if self.call is not None else None

    @property
    def above_route(self) -> Call | None:
        """The decorator below this one that registers the route without the limit; `None` when the order is right."""
        below = False
        for decorator in self.function.decorators:
            if decorator == self.decorator:
                below = True
            elif below and isinstance(decorator, Call) and _registers(decorator):
                return decorator
        return None


def _registers(decorator: Call) -> bool:
    receiver = decorator.receiver
    known = decorator.method in ROUTE_METHODS or decorator.method in {"api_route", "websocket"}
    return known and receiver is not None and receiver.is_a(*APPLICATIONS, *ROUTERS)


def limited_functions(functions: list[Function]) -> Iterator[LimitedFunction]:
    """The functions that slowapi's decorators stand on, once for each decorator."""
    for function in functions:
        for decorator in function.decorators:
            name = decorator.name
            if isinstance(decorator, Call):
                name = decorator.callee.name
            if name is not None and name.startswith("slowapi.Limiter."):
                yield LimitedFunction(function, decorator, name.rpartition(".")[2])


def limits_of(route: Route) -> Iterator[str]:
    """The names of what limits a route, as far as names and known libraries tell."""
    function = route.function
    for decorator in function.decorators if function is not None else ():
        callee = decorator.callee if isinstance(decorator, Call) else decorator
        name = callee.name or callee.text
        if name in _SLOWAPI or (not name.startswith("slowapi.") and _LIMITING.search(name)):
            yield name
    for dependency in route.dependencies:
        if _LIMITING.search(dependency.name) or (dependency.function is not None and _calls_limit(dependency.function)):
            yield dependency.name
    if function is not None and _calls_limit(function):
        yield function.qualified_name
    yield from _limits_of_route_class(route)
    yield from limits_of_app(route.app)


def _limits_of_route_class(route: Route) -> Iterator[str]:
    """The `route_class` of its router, when the handler that it puts around the route's own counts calls."""
    given = route.router.argument("route_class") if route.router is not None else None
    cls = route.source.class_of(given) if isinstance(given, ClassValue) else None
    wrapping = cls.method("get_route_handler") if cls is not None else None
    if cls is None or wrapping is None:
        return
    handlers = [e.defined_function for e in wrapping.returned_expressions]
    if any(_calls_limit(f) for f in (wrapping, *handlers) if f is not None):
        yield cls.qualified_name


def limits_of_app(app: App) -> Iterator[str]:
    """The middleware of an application, and of those it is mounted in, that limits what it serves."""
    current: App | None = app
    while current is not None:
        for middleware in current.middleware:
            # slowapi's middleware counts nothing by itself: other rules tell when it does.
            named = _LIMITING.search(middleware.name) or middleware.is_a(*_SLOWAPI_MIDDLEWARE)
            if named or any(_calls_limit(f) for f in middleware.functions):
                yield middleware.name
        current = current.parent


@remembered
def _calls_limit(function: Function) -> bool:
    """Whether a function, or what it calls, counts calls by its name."""
    seen: set[int] = set()
    pending = [(function, 0)]
    while pending:
        current, depth = pending.pop()
        seen.add(id(current.node))
        for call in current.calls:
            if _LIMITING.search(call.callee.written or call.method):
                return True
            target = call.target
            if target is not None and depth < DEEPEST and id(target.node) not in seen and len(seen) < MOST:
                pending.append((target, depth + 1))
    return False
