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


@dataclass(frozen=True, slots=True)
class ForTypes:
    """What only a type checker imports, a name of a module or the module: no module is read for it."""

    file: SourceFile
    name: str | None


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
    if isinstance(value, ForTypes):
        return _settle_for_types(evaluation, scope, name, value)
    if isinstance(value, Later):
        missing = scope.names[name] = Unknown(f"`{value.name}` of {value.file.name}")
        found = member(evaluation, value.file, value.name)
        scope.names[name] = value if found is None else found  # it may settle later
        return missing if found is None else found
    return value


def _settle_for_types(evaluation: "Evaluation", scope: Scope, name: str, value: ForTypes) -> Value:
    found: Value | None = None
    if evaluation.is_read(value.file):
        # While it is looked for, a circle of such imports finds nothing.
        scope.names[name] = Unknown(f"`{name}`")
        found = (
            ModuleValue(value.file.name, value.file)
            if value.name is None
            else member(evaluation, value.file, value.name)
        )
        scope.names[name] = found or scope.names[name]
    is_open = found is None or (isinstance(found, ModuleValue) and found.file and not evaluation.is_read(found.file))
    if is_open:
        evaluation.misses_types = True
        scope.names[name] = value  # type: ignore[assignment]  # it settles once the module is read
        return Unknown(f"`{name}`, which is there for type checkers only")
    return scope.names[name]


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
