"""One Python file of the application as rules see it."""

from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.bodies import Body
from fastapi_audit.evidence.source.values import Scope, Value
from fastapi_audit.model import Edit, Location

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.code.classes import Class
    from fastapi_audit.evidence.source.code.functions import Function
    from fastapi_audit.evidence.source.code.program import Program
    from fastapi_audit.evidence.source.modules import SourceFile


class Module(Body):
    """One Python file of the application."""

    def __init__(self, file: "SourceFile", scope: Scope, source: "Program") -> None:
        self.file = file
        self.scope = scope
        self.source = source

    @property
    def name(self) -> str:
        """The dotted name."""
        return self.file.name

    def is_called(self, name: str) -> bool:
        """Whether it has this dotted name, where one of the two may begin at a folder inside of the other's."""
        return f".{self.name}".endswith(f".{name}") or f".{name}".endswith(f".{self.name}")

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def nodes(self) -> tuple[syntax.Node, ...]:
        return self.file.body

    def evaluate(self, node: syntax.Expr) -> Value:
        return self.source.evaluate(node, self.scope)

    @property
    def location(self) -> Location:
        return Location(self.path, 1)

    @cached_property
    def functions(self) -> "list[Function]":
        """Every function and method of the file, also nested ones, in source order."""
        return list(self.source.functions_of(self))

    @cached_property
    def classes(self) -> "list[Class]":
        """The classes at the top level and inside classes."""
        return self.source.classes_of(self)

    @cached_property
    def imports(self) -> frozenset[str]:
        """The dotted names that the file imports anywhere: `fastapi`, `fastapi.FastAPI`, `sqlalchemy.orm` …"""
        return frozenset(name for name, level, _ in self.file.facts[1] if level == 0)

    def imports_any(self, *tops: str) -> bool:
        """Whether it imports one of these distributions' modules."""
        return not self._packages.isdisjoint(tops)

    @cached_property
    def _packages(self) -> frozenset[str]:
        """The imports with every package above them."""
        parts = (name.split(".") for name in self.imports)
        return frozenset(".".join(p[: end + 1]) for p in parts for end in range(len(p)))

    def import_edit(self, statement: str) -> Edit | None:
        """An edit that adds an import after the last one at the top of the file; `None` when it is there already."""
        if statement in self.file.text.splitlines():
            return None
        imports = [s for s in self.file.body if isinstance(s, syntax.Import) and s.module != "__future__"]
        first = self.file.body[0] if self.file.body else None
        if imports:
            at = self.file.offset(imports[0].start)
        elif first is not None:
            at = self.file.offset(first.start)
        else:
            at = 0
        return Edit(self.path, at, "", f"{statement}\n")
