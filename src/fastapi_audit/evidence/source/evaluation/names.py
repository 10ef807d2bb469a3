"""What a name of a module or a scope stands for."""

import builtins
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.modules import SourceFile
from fastapi_audit.evidence.source.values import External, ModuleValue, Scope, Unknown, Value

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class Later:
    """A name of a module that was still being read when it was imported."""

    file: SourceFile
    name: str


def member(evaluation: "Evaluation", file: SourceFile, name: str) -> Value | None:
    """A name of a module, or a module below it."""
    scope = evaluation.scope_of(file)
    if name in scope.names:
        return _settle(evaluation, scope, name)
    if file.path.endswith("__init__.py"):
        below = evaluation.modules.find(name, file, 1)
        if below is not None and below is not file:
            return ModuleValue(below.name, below)
        if evaluation.modules.is_package(f"{file.name}.{name}", file):
            return ModuleValue(f"{file.name}.{name}", None)
    # A module may answer for missing names (PEP 562), and which are missing is known once it is read to its end.
    is_answered = evaluation.is_read(file) and "__getattr__" in scope.names and name != "__path__"
    return Unknown(f"`__getattr__` of {file.name}") if is_answered else None


def _settle(evaluation: "Evaluation", scope: Scope, name: str) -> Value:
    value = scope.names[name]
    if isinstance(value, Later):
        missing = scope.names[name] = Unknown(f"`{value.name}` of {value.file.name}")
        found = member(evaluation, value.file, value.name)
        scope.names[name] = value if found is None else found  # it may settle later
        return missing if found is None else found
    return value


def name(evaluation: "Evaluation", identifier: str, scope: Scope) -> Value:
    """What a name stands for in a scope."""
    current: Scope | None = scope
    first = True
    while current is not None:
        if (first or not current.is_class) and identifier in current.names:
            return _settle(evaluation, current, identifier)
        current, first = current.parent, False
    if hasattr(builtins, identifier):
        return External(identifier)
    return Unknown(f"`{identifier}`")


def is_name(node: syntax.Expr, name: str) -> bool:
    return isinstance(node, syntax.Name) and node.id == name
