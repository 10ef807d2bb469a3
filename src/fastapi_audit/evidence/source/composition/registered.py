"""What was registered on an application, with the call that did it; exception handlers among it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source.code import Call, Expression, Function, Program
from fastapi_audit.evidence.source.composition.sites import call_of
from fastapi_audit.evidence.source.values import Registration, Unknown, Value, dotted_name, literal
from fastapi_audit.model import Finding, Fix, Location, Severity, Step

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.composition.applications import App


@dataclass(eq=False)
class Registered:
    """What routes, middleware and handlers share: the call that registered them."""

    registration: Registration
    app: "App"
    source: Program

    @property
    def call(self) -> Call:
        """The registering call as written: `router.get("/x")`, `app.add_middleware(…)`."""
        return call_of(self.source, self.registration.site)

    @cached_property
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
