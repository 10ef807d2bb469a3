"""What `import` and `from … import …` bind."""

from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.evaluation.names import ForTypes, Later
from fastapi_audit.evidence.source.libraries import canonical
from fastapi_audit.evidence.source.modules import SourceFile
from fastapi_audit.evidence.source.values import Constant, External, Listing, ModuleValue, Scope, Unknown, Value

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation


def read_import(evaluation: "Evaluation", node: syntax.Import, scope: Scope) -> bool:
    for dotted, alias in node.names:
        if node.module is None:
            _import_module(evaluation, dotted, alias, scope)
        elif dotted == "*":
            _import_star(evaluation, node, scope)
        else:
            scope.names[alias or dotted] = _imported(evaluation, node, dotted, scope)  # type: ignore[assignment]  # a name that is still being read settles later
    return False


def note_import(evaluation: "Evaluation", node: syntax.Import, scope: Scope) -> None:
    """Binds what only a type checker imports: annotations need the names, and nothing may be read for them yet."""
    for dotted, alias in node.names:
        bound = alias or dotted.partition(".")[0]
        if bound in scope.names or dotted == "*":
            continue
        base, name = (dotted, None) if node.module is None else (node.module, dotted)
        file = evaluation.modules.find(base, scope.file, node.level)
        below = evaluation.modules.find(f"{base}.{name}" if base else dotted, scope.file, node.level) if name else None
        evaluation.for_types += [found for found in (file, below) if found is not None]
        if file is scope.file and file is not None:
            continue
        if node.module is None and not alias:
            _bind_top(evaluation, dotted, file, scope)
        elif file is not None or below is not None:
            scope.names[bound] = ForTypes(file, name) if file else ForTypes(below, None)  # type: ignore[assignment, arg-type]  # it settles once the module is read; one of both is there
        else:
            read_import(evaluation, replace(node, names=((dotted, alias),)), scope)


def _import_module(evaluation: "Evaluation", dotted: str, alias: str | None, scope: Scope) -> None:
    file = evaluation.modules.find(dotted, scope.file)
    if file is not None:
        evaluation.scope_of(file)
    if alias:
        scope.names[alias] = ModuleValue(file.name, file) if file else External(canonical(dotted))
        return
    _bind_top(evaluation, dotted, file, scope)


def _bind_top(evaluation: "Evaluation", dotted: str, file: SourceFile | None, scope: Scope) -> None:
    """`import a.b` binds `a`."""
    top = dotted.partition(".")[0]
    package = evaluation.modules.find(top, scope.file)
    if package is not None:
        scope.names[top] = ModuleValue(package.name, package)
    elif file is not None or evaluation.modules.is_package(top, scope.file):
        scope.names[top] = ModuleValue(top, None)
    else:
        scope.names[top] = External(top)


def _imported(evaluation: "Evaluation", node: syntax.Import, name: str, scope: Scope) -> "Value | Later":
    base = node.module or ""
    file = evaluation.modules.find(base, scope.file, node.level)
    if file is not None:
        if file is not scope.file:
            found = evaluation.member(file, name)
            if isinstance(found, ModuleValue) and found.file is not None:
                evaluation.imported.append(found.file)
            if found is not None:
                return found
        below = _submodule(evaluation, base, name, scope.file, node.level)
        if below is not None:
            return ModuleValue(below.name, below)
        return Later(file, name)
    below = _submodule(evaluation, base, name, scope.file, node.level)
    if below is not None:
        evaluation.scope_of(below)
        return ModuleValue(below.name, below)
    if node.level:
        return Unknown(f"`{name}` of a module that is not here")
    if evaluation.modules.is_package(f"{base}.{name}", scope.file):
        return ModuleValue(f"{base}.{name}", None)
    return External(canonical(f"{base}.{name}"))


def _submodule(evaluation: "Evaluation", base: str, name: str, importer: SourceFile, level: int) -> SourceFile | None:
    found = evaluation.modules.find(f"{base}.{name}" if base else name, importer, level)
    if found is not None:
        evaluation.scope_of(found)
    return found


def _import_star(evaluation: "Evaluation", node: syntax.Import, scope: Scope) -> None:
    file = evaluation.modules.find(node.module or "", scope.file, node.level)
    if file is None or file is scope.file:
        return
    source = evaluation.scope_of(file)
    exported = source.names.get("__all__")
    listed = [i.value for i in exported.items if isinstance(i, Constant)] if isinstance(exported, Listing) else []
    for name in listed or [n for n in source.names if not n.startswith("_")]:
        if isinstance(name, str) and name in source.names:
            scope.names[name] = source.names[name]
