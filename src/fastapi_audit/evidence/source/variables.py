"""Variables of modules, and what the functions of the program do to them while it serves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code import Body, Call, Class, Expression, Function, Module, Statement
from fastapi_audit.evidence.source.values import ModuleValue, Scope
from fastapi_audit.model import Finding, Location, Severity, Step

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.link import Source
    from fastapi_audit.evidence.source.modules import SourceFile

CHANGING = frozenset(
    {
        "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "add", "discard", "update",
        "difference_update", "intersection_update", "symmetric_difference_update", "setdefault", "popitem",
        "appendleft", "popleft", "extendleft", "rotate", "move_to_end", "subtract",
    }
)  # fmt: skip
"""The methods of Python's collections that change them."""

COLLECTIONS = frozenset(
    {
        "dict", "list", "set", "bytearray", "collections.defaultdict", "collections.Counter", "collections.deque",
        "collections.OrderedDict",
    }
)  # fmt: skip

MOST_REEXPORTS = 8


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable at the top level of a module."""

    module: Module
    name: str
    definitions: tuple[Statement, ...]
    """The statements at the top level that assign it; at least one."""
    changes: "tuple[Change, ...]" = ()
    """What functions do to it, in the order of the files."""

    @property
    def definition(self) -> Statement:
        return self.definitions[0]

    @property
    def location(self) -> Location:
        return self.definition.location

    @property
    def value(self) -> Expression | None:
        """What it is first assigned."""
        return next((d.value for d in self.definitions if d.value is not None), None)

    @property
    def is_collection(self) -> bool:
        """Whether it begins as one of Python's changeable collections."""
        return is_collection(self.value)

    @property
    def words(self) -> str:
        """Its definitions as written, to look for a type in."""
        return " ".join(d.text for d in self.definitions)

    def finding(self, message: str, *, severity: Severity | None = None, trace: tuple[Step, ...] = ()) -> Finding:
        """A finding where it is defined."""
        return Finding(message, self.location, None, trace, None, severity)


@dataclass(frozen=True, slots=True)
class Change:
    """One place that changes a variable, or an attribute of a class, in place or by binding it anew."""

    place: Expression | Statement
    kind: str
    """`rebound`, `augmented`, `item`, `deleted`, or the method that is called: `append`, `update` …"""
    function: Function

    @property
    def call(self) -> Call | None:
        """The call of the method, when it is one."""
        return self.place if isinstance(self.place, Call) else None

    @property
    def location(self) -> Location:
        return self.place.location

    @property
    def stored(self) -> Expression | None:
        """What is put in or assigned, where one thing is."""
        if isinstance(self.place, Call):
            return self.place.arguments[-1] if self.place.arguments else None
        return self.place.value if isinstance(self.place, Statement) else None


def is_collection(value: Expression | None) -> bool:
    """Whether an expression makes one of Python's changeable collections."""
    if value is None:
        return False
    match value.node:
        case syntax.Collection(kind=kind) | syntax.Comprehension(kind=kind):
            return kind in {"list", "set", "dict"}
        case syntax.Mapping():
            return True
        case _:
            return isinstance(value, Call) and value.name in COLLECTIONS


def changed(body: Body) -> Iterator[tuple[Expression, str, Expression | Statement]]:
    """What the statements and calls of a body change: the container or name, how, and where."""
    declared = {n for s in body.statements_of("declare") for n in s.names}
    for statement in body.statements_of("assign", "delete"):
        if statement.inside(syntax.ClassDef):
            continue
        how = "deleted" if statement.kind == "delete" else "augmented" if statement.augmented else "rebound"
        for target in statement.targets:
            match target.node:
                case syntax.Subscript(value=container):
                    yield Expression.of(container, body), "deleted" if how == "deleted" else "item", statement
                case syntax.Name(id=name) if name in declared:
                    yield target, how, statement
                case syntax.Attribute():
                    yield target, how, statement
    for call in body.calls:
        if call.method in CHANGING and call.receiver is not None:
            yield call.receiver, call.method, call


class Variables:
    """Finds the variable that a name stands for, and gathers what changes each."""

    def __init__(self, source: "Source") -> None:
        self.source = source
        self._found: dict[tuple[str, str], Variable | None] = {}
        self._definitions: dict[str, dict[str, list[Statement]]] = {}

    def all(self) -> Iterator[Variable]:
        """Every variable of the application's modules, with its changes."""
        changes = self._changes()
        for module in self.source.application_modules:
            for name in dict.fromkeys(self._bound(module)):
                variable = self._variable(module.file, name)
                if variable is not None:
                    found = tuple(changes.get((module.path, name), ()))
                    yield Variable(module, name, variable.definitions, found)

    def _bound(self, module: Module) -> Iterator[str]:
        for statement in _at_top(module):
            for target in statement.targets:
                if isinstance(target.node, syntax.Name):
                    yield target.node.id

    def _changes(self) -> dict[tuple[str, str], list[Change]]:
        found: dict[tuple[str, str], list[Change]] = {}
        for function in self.source.functions:
            for target, kind, place in changed(function):
                if kind == "rebound" and isinstance(target.node, syntax.Attribute) and target.defined_class is not None:
                    continue
                variable = self.of(target)
                if variable is not None:
                    found.setdefault((variable.module.path, variable.name), []).append(Change(place, kind, function))
        return found

    def of(self, expression: Expression) -> Variable | None:
        """The variable that a name, or `module.name`, stands for; `None` for what a function binds itself."""
        match expression.node:
            case syntax.Name(id=name):
                if not self._is_global(expression.body, name):
                    return None
                return self._variable(expression.file, name)
            case syntax.Attribute(value=owner, attr=name):
                module = expression.body.evaluate(owner)
                if isinstance(module, ModuleValue) and module.file is not None:
                    return self._variable(module.file, name)
        return None

    @staticmethod
    def _is_global(body: Body, name: str) -> bool:
        scope: Scope | None = body.scope if isinstance(body, Function) else None
        while scope is not None and scope.parent is not None:
            if name in scope.names and not scope.is_class:
                return False
            scope = scope.parent
        return True

    def _variable(self, file: "SourceFile", name: str) -> Variable | None:
        key = (file.path, name)
        if key not in self._found:
            self._found[key] = None  # a cycle of re-exports leads nowhere
            self._found[key] = self._defined(file, name) or self._imported(file, name)
        return self._found[key]

    def _defined(self, file: "SourceFile", name: str) -> Variable | None:
        module = self.source.module_of(file)
        if file.path not in self._definitions:
            self._definitions[file.path] = _definitions(module)
        definitions = self._definitions[file.path].get(name)
        return Variable(module, name, tuple(definitions)) if definitions else None

    def _imported(self, file: "SourceFile", name: str) -> Variable | None:
        for statement in self.source.module_of(file).statements_of("import"):
            node = statement.node
            if not isinstance(node, syntax.Import) or (node.module is None and not node.level):
                continue
            for original, alias in node.names:
                if (alias or original) == name:
                    home = self.source.modules.find(node.module or "", file, node.level)
                    return self._variable(home, original) if home is not None else None
        return None


def _at_top(module: Module) -> Iterator[Statement]:
    """The assignments of a module that do not stand in a class."""
    return (s for s in module.statements_of("assign") if not s.inside(syntax.ClassDef))


def _definitions(module: Module) -> dict[str, list[Statement]]:
    """The statements at the top level that assign each name."""
    found: dict[str, list[Statement]] = {}
    for statement in _at_top(module):
        if not statement.augmented:
            for name in dict.fromkeys(t.node.id for t in statement.targets if isinstance(t.node, syntax.Name)):
                found.setdefault(name, []).append(statement)
    return found


def class_changes(cls: Class) -> Iterator[tuple[str, Statement, Change]]:
    """The attributes of a class's own body that its methods change for all instances, each with its definition."""
    shared = {t.text: s for s in cls.statements if s.kind == "assign" and is_collection(s.value) for t in s.targets[:1]}
    own = {t.node.attr for m in cls.methods for s in m.statements_of("assign") for t in s.targets
           if isinstance(t.node, syntax.Attribute)}  # fmt: skip
    for method in cls.methods:
        for target, kind, place in changed(method):
            node = target.node
            if not isinstance(node, syntax.Attribute) or node.attr not in shared or kind == "rebound":
                continue
            owner = target.written or ""
            through_class = owner.startswith(("cls.", f"{cls.name}."))
            if through_class or (owner == f"self.{node.attr}" and node.attr not in own):
                yield node.attr, shared[node.attr], Change(place, kind, method)
