"""Classes with their fields and methods; Pydantic models and settings among them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.bodies import Body
from fastapi_audit.evidence.source.code.expressions import Expression
from fastapi_audit.evidence.source.code.functions import Function
from fastapi_audit.evidence.source.code.module import Module
from fastapi_audit.evidence.source.code.statements import Statement
from fastapi_audit.evidence.source.libraries import MODELS, SETTINGS
from fastapi_audit.evidence.source.values import ClassValue, External, FunctionValue, Value, dotted_name
from fastapi_audit.model import Finding, Fix, Location, Severity

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.code.program import Program

PLAIN_BASES = frozenset({"object", "abc.ABC", "typing.Generic", "typing.Protocol", *MODELS, *SETTINGS})
"""Foreign bases whose instances cannot be called."""


class ClassBody(Body):
    """The statements of a class."""

    def __init__(self, value: ClassValue, source: "Program") -> None:
        self.definition = value
        self.source = source
        self.file = value.file

    @property
    def edge(self) -> syntax.Node:
        return self.definition.node

    @property
    def nodes(self) -> tuple[syntax.Node, ...]:
        return self.definition.node.body

    def evaluate(self, node: syntax.Expr) -> Value:
        return self.source.evaluate(node, self.definition.body)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a class: `name: annotation = default`."""

    name: str
    statement: Statement

    @property
    def annotation(self) -> Expression | None:
        return self.statement.annotation

    @property
    def default(self) -> Expression | None:
        """As written after `=`; a `Field(...)` call included."""
        return self.statement.value

    @property
    def location(self) -> Location:
        return self.statement.location


class Class:
    """A class of the program."""

    def __init__(self, value: ClassValue, source: "Program") -> None:
        self.definition = value
        self.source = source
        self.file = value.file

    @property
    def name(self) -> str:
        return self.definition.node.name

    @property
    def qualified_name(self) -> str:
        return self.definition.qualified_name

    @property
    def module(self) -> Module:
        return self.source.module_of(self.file)

    @property
    def location(self) -> Location:
        """The `class` line."""
        whole = self.file.location(self.definition.node)
        return Location(whole.path, whole.line, whole.column, whole.line, self.file.end_of(whole.line))

    @property
    def body(self) -> "ClassBody":
        """What its statements stand in."""
        return self.source.class_body(self.definition)

    def descends_from(self, *names: str) -> bool:
        """Whether a foreign class of one of these dotted names is among its bases, at any distance."""
        return not self.definition.externals().isdisjoint(names)

    @property
    def bases(self) -> tuple[str, ...]:
        """The dotted names of all its bases, nearest first."""
        return tuple(c.name if isinstance(c, External) else c.qualified_name for c in self.definition.ancestry())[1:]

    @property
    def is_whole(self) -> bool:
        """Whether all its bases are in the program, so that what it does not define is not there."""
        known = [c for c in self.definition.ancestry() if isinstance(c, ClassValue)]
        return all(isinstance(b, ClassValue) or dotted_name(b) in PLAIN_BASES for c in known for b in c.bases)

    @property
    def statements(self) -> list[Statement]:
        return [self.body.statement(s) for s in self.definition.node.body]

    @property
    def decorators(self) -> list[Expression]:
        return [self.body.expression(d) for d in self.definition.node.decorators]

    @cached_property
    def fields(self) -> list[Field]:
        """Its own annotated fields, in order."""
        return [Field(t.text, s) for s in self.statements if s.annotation is not None for t in s.targets[:1]]

    @property
    def all_fields(self) -> list[Field]:
        """Its fields with those of its project bases; its own win."""
        found: dict[str, Field] = {}
        for cls in reversed(list(self.definition.ancestry())):
            if isinstance(cls, ClassValue):
                found.update({f.name: f for f in self.source.class_of(cls).fields})
        return list(found.values())

    @property
    def methods(self) -> list[Function]:
        """Its own methods."""
        return [
            self.source.function(v)
            for v in self.definition.body.names.values()
            if isinstance(v, FunctionValue) and v.owner is self.definition
        ]

    def method(self, name: str) -> Function | None:
        """A method by name, also inherited from project classes."""
        found = self.definition.lookup(name)
        return self.source.function(found) if isinstance(found, FunctionValue) else None

    def inner(self, name: str) -> "Class | None":
        """A class inside it, such as Pydantic v1's `Config`."""
        found = self.definition.body.names.get(name)
        return self.source.class_of(found) if isinstance(found, ClassValue) else None

    def finding(self, message: str, *, fix: Fix | None = None, severity: Severity | None = None) -> Finding:
        """A finding at its `class` line."""
        return Finding(message, self.location, None, (), fix, severity)


class Model(Class):
    """A Pydantic model."""


class Settings(Class):
    """A settings class (`BaseSettings`)."""
