"""Dependencies: what `Depends(...)` and `Security(...)` ask for, where, and what runs for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.source.code import Call, Class, Function, Program
from fastapi_audit.evidence.source.composition.sites import call_of, location_of
from fastapi_audit.evidence.source.libraries import DEPENDS, SECURITY_PREFIX
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    FunctionValue,
    Instance,
    Listing,
    Partial,
    Unknown,
    Value,
    dotted_name,
    literal,
)
from fastapi_audit.model import Location


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
        site = self.marker.site
        return None if site is None else call_of(self.source, site)

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
