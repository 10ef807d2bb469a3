"""Functions whose answers are kept: by which library's decorator, under what key, and where."""

from dataclasses import dataclass

from fastapi_audit.evidence.source.code import Call, Expression, Function
from fastapi_audit.evidence.source.composition import Route
from fastapi_audit.evidence.source.values import Instance, Value, literal

FASTAPI_CACHE, CASHEWS, AIOCACHE, FUNCTOOLS = "fastapi-cache2", "cashews", "aiocache", "functools"
CASHEWS_DECORATORS = ("", ".early", ".soft", ".hit")

LIBRARIES = {
    "fastapi_cache.cache": FASTAPI_CACHE,
    **{f"cashews.{name}{method}": CASHEWS for name in ("cache", "Cache") for method in CASHEWS_DECORATORS},
    "cashews.cache.__call__": CASHEWS,
    "cashews.Cache.__call__": CASHEWS,
    "aiocache.cached": AIOCACHE,
    "aiocache.decorators.cached": AIOCACHE,
    "functools.lru_cache": FUNCTOOLS,
    "functools.cache": FUNCTOOLS,
    "async_lru.alru_cache": "async-lru",
    "cachetools.cached": "cachetools",
    "cachetools.func.ttl_cache": "cachetools",
    "cachetools.func.lru_cache": "cachetools",
}
"""The dotted name of a decorator → the distribution that it comes from."""

KEYS = {FASTAPI_CACHE: ("key_builder",), CASHEWS: ("key",), AIOCACHE: ("key", "key_builder", "alias", "noself")}
"""The options by which a decorator is told what to make the key of."""

UNTOLD = {FASTAPI_CACHE: ("fastapi.Request", "fastapi.Response")}
"""Parameters that are no part of the default key."""


@dataclass(frozen=True, slots=True)
class CachedFunction:
    """A function under a decorator that keeps what it returned."""

    function: Function
    decorator: Expression
    """As written after the `@`."""
    library: str
    """The distribution: `fastapi-cache2`, `cashews`, `aiocache`, `functools` …"""

    @property
    def call(self) -> Call | None:
        """The decorator as a call; a bare `@cache` is none."""
        return self.decorator if isinstance(self.decorator, Call) else None

    @property
    def decorator_name(self) -> str:
        """As written, without arguments: `cache`, `aiocache.cached`."""
        return self.decorator.text.partition("(")[0]

    def option(self, *names: str) -> Value | None:
        """What one of these options was given, also in `**options`."""
        made = self.decorator.value
        if isinstance(made, Instance):
            return next((made.keywords[n] for n in names if n in made.keywords), None)
        written = self.call.keywords if self.call is not None else {}
        return next((written[n].value for n in names if n in written), None)

    @property
    def has_unknown_options(self) -> bool:
        """Whether `**options` are passed that only running tells."""
        return self.call is not None and self.call.has_unknown_arguments

    @property
    def keyed_by_arguments(self) -> bool:
        """Whether the key is certainly the library's own: the function's name and its arguments."""
        names = KEYS.get(self.library)
        if names is None or self.has_unknown_options or self._default_key_builder:
            return False
        return self.option(*names) is None

    @property
    def key(self) -> str | None:
        """The key as written out: `me`, or for cashews a template, `lead:{id}`."""
        if (
            self.library not in {CASHEWS, AIOCACHE}
            or self.has_unknown_options
            or self.option("key_builder") is not None
        ):
            return None
        found = literal(self.option("key"))
        return found if isinstance(found, str) else None

    @property
    def _default_key_builder(self) -> bool:
        """Whether `FastAPICache.init` was given a key builder for all, or may have been."""
        if self.library != FASTAPI_CACHE:
            return False
        calls = self.function.source.calls_anywhere("fastapi_cache.FastAPICache.init")
        return any("key_builder" in c.keywords or c.has_unknown_arguments for c in calls)

    @property
    def untold(self) -> tuple[str, ...]:
        """The types of parameters that the library's own key leaves out."""
        return UNTOLD.get(self.library, ())


def caches_of(function: Function) -> list[CachedFunction]:
    """The caches of a function, outermost first."""
    by_name = function.decorators_by_name
    found = [
        CachedFunction(function, each, LIBRARIES[name]) for name in by_name.keys() & LIBRARIES for each in by_name[name]
    ]
    return sorted(found, key=lambda cache: cache.decorator.location)


def route_caches(route: Route) -> list[CachedFunction]:
    """The caches that a request to a route passes: those below the decorator that registers it."""
    function = route.function
    if function is None:
        return []
    found = caches_of(function)
    if not found or route.location not in function.decorator_places:
        return found
    return [each for each in found if each.decorator.location > route.location]
