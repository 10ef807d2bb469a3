"""Middleware: class, options and what it is for."""

from dataclasses import dataclass, field
from functools import cached_property

from fastapi_audit.evidence.source.code import Class, Expression, Function
from fastapi_audit.evidence.source.composition.registered import Registered
from fastapi_audit.evidence.source.stack import refusals, role_of
from fastapi_audit.evidence.source.values import (
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Listing,
    Unknown,
    Value,
    dotted_name,
    literal,
)
from fastapi_audit.model import MiddlewareRow


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
