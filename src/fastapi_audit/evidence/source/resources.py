"""Objects that the application makes once, while it is composed: engines, clients, limiters, caches, loggers."""

from dataclasses import dataclass

from fastapi_audit.evidence.source.code import Call, Expression, Program
from fastapi_audit.evidence.source.composition import call_of
from fastapi_audit.evidence.source.values import Constant, External, Instance, Site, Value, literal
from fastapi_audit.model import Finding, Fix, Location, Severity


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """What one call at module level, in a factory, a constructor or a lifespan made."""

    instance: Instance
    site: Site
    source: Program

    @property
    def type_name(self) -> str:
        """The dotted name of its class: `sqlalchemy.Engine`, `slowapi.Limiter`, `redis.asyncio.Redis` …"""
        return self.instance.type_name

    def is_a(self, *names: str) -> bool:
        cls = self.instance.cls
        if isinstance(cls, External):
            return cls.name in names
        return self.instance.is_a(*names) or self.type_name in names

    @property
    def call(self) -> Call:
        """The call that makes it, as written."""
        return call_of(self.source, self.site)

    @property
    def location(self) -> Location:
        return self.site.file.location(self.site.node)

    @property
    def variable(self) -> str | None:
        """What it is assigned to, as written."""
        return self.call.assigned_to

    def argument(self, name: str, position: int | None = None) -> Value | None:
        """What was passed, followed through variables, settings and `**options`."""
        return self.instance.argument(name, position)

    def constant(self, name: str, position: int | None = None) -> object:
        """The constant that was passed; `...` when it was passed and is not known, `None` when it was not passed."""
        given = self.argument(name, position)
        return None if given is None else literal(given)

    def is_default(self, name: str, position: int | None = None) -> bool:
        """Whether what was passed is only the default of a setting."""
        given = self.argument(name, position)
        return isinstance(given, Constant) and given.is_default

    def has(self, name: str, position: int | None = None) -> bool:
        """Whether the argument was passed."""
        return self.argument(name, position) is not None

    def written(self, name: str, position: int | None = None) -> Expression | None:
        """The argument as written at the call."""
        return self.call.argument(name, position)

    def finding(self, message: str, *, fix: Fix | None = None, severity: Severity | None = None) -> Finding:
        """A finding at the call that makes it."""
        return Finding(message, self.location, None, (), fix, severity)
