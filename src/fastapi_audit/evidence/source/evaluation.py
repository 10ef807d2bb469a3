"""Reads a program as Python would compose it, without running it: names, values, what is registered on what.

Module bodies, factories, class constructors and decorators are followed with abstract values; the bodies of
handlers are not. Whatever depends on the environment stays `Unknown`, both branches of an open condition are
read, and every registration keeps the conditions that it stands under. Steps and depth are bounded.
"""

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.builtin import call_builtin, call_container, operate
from fastapi_audit.evidence.source.facts import expression as parse_expression
from fastapi_audit.evidence.source.libraries import (
    APPLICATIONS,
    DYNAMIC,
    MODELS,
    ROUTE_METHODS,
    ROUTERS,
    SETTINGS,
    canonical,
    returned_type,
)
from fastapi_audit.evidence.source.modules import Modules, SourceFile
from fastapi_audit.evidence.source.values import (
    NOTHING,
    ClassValue,
    Constant,
    External,
    FunctionValue,
    Instance,
    Listing,
    Method,
    ModuleValue,
    Partial,
    Registrar,
    Registration,
    Scope,
    Site,
    Super,
    Table,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from fastapi_audit.model import Unresolved

MOST_STEPS = 3_000_000
MOST_STEPS_A_CALL = 60_000
DEEPEST_CALL = 24
_SAYS_NOTHING = ("typing.Any", "object", "typing.Self", "typing.Callable", "collections.abc.Callable", "callable")
"""Annotations that tell less than the code."""
MOST_PLAIN_CALLS = 3000
"""The same for a function that only gets constants, such as one that puts a prefix before a path."""
MOST_CALLS = 60
"""A function that is called more often than this registers nothing new, unless it is handed an application."""
MOST_ROUNDS = 400
"""Elements of a loop that are followed one by one."""

DECORATING = ROUTE_METHODS | {
    "api_route",
    "route",
    "websocket",
    "websocket_route",
    "exception_handler",
    "middleware",
    "on_event",
}
DIRECT = frozenset(
    {
        "add_api_route", "add_route", "add_api_websocket_route", "add_websocket_route", "include_router", "mount",
        "host", "add_middleware", "add_exception_handler", "add_event_handler",
    }
)  # fmt: skip
COMPOSABLE = (*APPLICATIONS, *ROUTERS)

_FIELD_MAKERS = (
    "pydantic.Field",
    "dataclasses.field()",
    "attrs.field()",
    "attr.ib()",
    "attr.attrib()",
    "sqlmodel.Field",
    "pydantic.PrivateAttr",
)
_DATA_DECORATORS = (
    "dataclasses.dataclass",
    "attrs.define",
    "attrs.frozen",
    "attrs.mutable",
    "attr.s",
    "attr.define",
    "attr.dataclass",
    "pydantic.dataclasses.dataclass",
)
_GENERATORS = (
    "Generator",
    "AsyncGenerator",
    "Iterator",
    "AsyncIterator",
    "Iterable",
    "AsyncIterable",
    "ContextManager",
    "AsyncContextManager",
    "AbstractContextManager",
    "AbstractAsyncContextManager",
    "Awaitable",
    "Coroutine",
)


@dataclass(frozen=True, slots=True)
class _Later:
    """A name of a module that was still being read when it was imported."""

    file: SourceFile
    name: str


@dataclass(slots=True)
class _Frame:
    """One function being read."""

    function: FunctionValue | None
    steps_left: int
    returned: list[Value] = field(default_factory=list)


class _LongEnoughError(Exception):
    """One call needs more steps than it may spend; what it has returned so far counts."""


class ExhaustedError(Exception):
    """The program needs more steps than an audit may spend."""


class Evaluation:
    """The state of one reading; `scope_of(file)` reads a module, `applications` lists what was composed."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.applications: list[Instance] = []
        self.routers: list[Instance] = []
        self.instances: list[Instance] = []
        """Everything that calling a foreign class or function made, while the program is composed."""
        self.unresolved: list[Unresolved] = []
        self.composing = True
        self.stage = "import"
        self.conditions: list[str] = []
        self.steps = MOST_STEPS
        self._scopes: dict[str, Scope] = {}
        self._done: set[str] = set()
        self._frames: list[_Frame] = []
        self._calls: list[object] = []
        self._returned: dict[tuple[int, int], Value] = {}
        self._locals: dict[tuple[int, int], Scope] = {}
        self._inferring: set[int] = set()
        self._attributes: dict[tuple[int, str], Value] = {}
        self._guard: str | None = None
        """The condition that an early `return` puts on the rest of its block."""
        self._called: set[int] = set()
        self._followed: dict[int, int] = {}
        self._declared_global: dict[int, frozenset[str]] = {}
        self._execute: dict[type[syntax.Node], Callable[..., bool]] = self._statement_table()
        self._evaluate: dict[type[syntax.Node], Callable[..., Value]] = self._expression_table()

    # Modules and names

    def scope_of(self, file: SourceFile) -> Scope:
        """The names of a module; reads it, and what it imports, the first time."""
        scope = self._scopes.get(file.path)
        if scope is None:
            scope = self._scopes[file.path] = Scope(file)
            scope.names["__name__"] = Constant(file.name)
            frames, self._frames = self._frames, []
            with self._outside_conditions():
                self._run(file.body, scope)
            self._frames = frames
            self._done.add(file.path)
        return scope

    def read_modules(self) -> set[str]:
        """The paths of every module that was read."""
        return set(self._scopes)

    def was_called(self, node: syntax.FunctionDef) -> bool:
        """Whether the function was followed while the program was composed."""
        return id(node) in self._called

    @contextmanager
    def _outside_conditions(self) -> Iterator[None]:
        kept, self.conditions = self.conditions, []
        try:
            yield
        finally:
            self.conditions = kept

    @contextmanager
    def inferring(self) -> Iterator[None]:
        """Evaluate without following calls for their effects."""
        kept, self.composing = self.composing, False
        try:
            yield
        finally:
            self.composing = kept

    @contextmanager
    def _under(self, condition: str | None) -> Iterator[None]:
        if condition is not None:
            self.conditions.append(condition)
        try:
            yield
        finally:
            if condition is not None:
                self.conditions.pop()

    def member(self, file: SourceFile, name: str) -> Value | None:
        """A name of a module, or a module below it."""
        scope = self.scope_of(file)
        if name in scope.names:
            return self._settle(scope, name)
        if file.path.endswith("__init__.py"):
            below = self.modules.find(name, file, 1)
            if below is not None and below is not file:
                return ModuleValue(below.name, below)
            if self.modules.is_package(f"{file.name}.{name}", file):
                return ModuleValue(f"{file.name}.{name}", None)
        if file.path not in self._done and _defines(file, name):
            return None
        return self._attribute_hook(scope, name)

    def _attribute_hook(self, scope: Scope, name: str) -> Value | None:
        """A module may answer for missing names (PEP 562): what it gives then is not known."""
        return (
            Unknown(f"`__getattr__` of {scope.file.name}")
            if "__getattr__" in scope.names and name != "__path__"
            else None
        )

    def _settle(self, scope: Scope, name: str) -> Value:
        value = scope.names[name]
        if isinstance(value, _Later):
            missing = scope.names[name] = Unknown(f"`{value.name}` of {value.file.name}")
            found = self.member(value.file, value.name)
            scope.names[name] = value if found is None else found  # it may settle later
            return missing if found is None else found
        return value

    def name(self, identifier: str, scope: Scope) -> Value:
        """What a name stands for in a scope."""
        current: Scope | None = scope
        first = True
        while current is not None:
            if (first or not current.is_class) and identifier in current.names:
                return self._settle(current, identifier)
            current, first = current.parent, False
        if hasattr(builtins, identifier):
            return External(identifier)
        return Unknown(f"`{identifier}`")

    # Statements

    def _statement_table(self) -> dict[type[syntax.Node], Callable[..., bool]]:
        return {
            syntax.Import: self._import,
            syntax.Assign: self._assign,
            syntax.Evaluate: self._discard,
            syntax.Return: self._return,
            syntax.Raise: self._raise,
            syntax.If: self._if,
            syntax.Loop: self._loop,
            syntax.With: self._with,
            syntax.Try: self._try,
            syntax.Match: self._match,
            syntax.ClassDef: self._class,
            syntax.FunctionDef: self._function,
            syntax.Jump: self._jump,
        }

    def _run(self, body: Iterable[syntax.Stmt], scope: Scope) -> bool:
        """Reads statements in order; whether the flow certainly ends before their end."""
        kept = len(self.conditions)
        try:
            for statement in body:
                self._spend()
                execute = self._execute.get(type(statement))
                if execute is not None and execute(statement, scope):
                    return True
                if self._guard is not None:
                    self.conditions.append(self._guard)
                    self._guard = None
            return False
        finally:
            del self.conditions[kept:]

    def _spend(self) -> None:
        self.steps -= 1
        if self.steps <= 0:
            raise ExhaustedError
        if self._frames:
            self._frames[-1].steps_left -= 1
            if self._frames[-1].steps_left <= 0:
                raise _LongEnoughError

    def _jump(self, node: syntax.Jump, _scope: Scope) -> bool:
        return node.kind != "pass"

    def _discard(self, node: syntax.Evaluate, scope: Scope) -> bool:
        if not isinstance(node.value, syntax.Constant):
            self.evaluate(node.value, scope)
        return False

    def _return(self, node: syntax.Return, scope: Scope) -> bool:
        value = NOTHING if node.value is None else self.evaluate(node.value, scope)
        if self._frames:
            self._frames[-1].returned.append(value)
        return True

    def _raise(self, _node: syntax.Raise, _scope: Scope) -> bool:
        return True

    def _import(self, node: syntax.Import, scope: Scope) -> bool:
        for dotted, alias in node.names:
            if node.module is None:
                self._import_module(dotted, alias, scope)
            elif dotted == "*":
                self._import_star(node, scope)
            else:
                scope.names[alias or dotted] = self._imported(node, dotted, scope)  # type: ignore[assignment]  # a name that is still being read settles later
        return False

    def _import_module(self, dotted: str, alias: str | None, scope: Scope) -> None:
        file = self.modules.find(dotted, scope.file)
        if file is not None:
            self.scope_of(file)
        top = dotted.partition(".")[0]
        if alias:
            scope.names[alias] = ModuleValue(file.name, file) if file else External(canonical(dotted))
            return
        package = self.modules.find(top, scope.file)
        if package is not None:
            scope.names[top] = ModuleValue(package.name, package)
        elif file is not None or self.modules.is_package(top, scope.file):
            scope.names[top] = ModuleValue(top, None)
        else:
            scope.names[top] = External(top)

    def _imported(self, node: syntax.Import, name: str, scope: Scope) -> "Value | _Later":
        base = node.module or ""
        file = self.modules.find(base, scope.file, node.level)
        if file is not None:
            if file is not scope.file:
                found = self.member(file, name)
                if found is not None:
                    return found
            below = self._submodule(base, name, scope.file, node.level)
            if below is not None:
                return ModuleValue(below.name, below)
            return _Later(file, name)
        below = self._submodule(base, name, scope.file, node.level)
        if below is not None:
            self.scope_of(below)
            return ModuleValue(below.name, below)
        if node.level:
            return Unknown(f"`{name}` of a module that is not here")
        if self.modules.is_package(f"{base}.{name}", scope.file):
            return ModuleValue(f"{base}.{name}", None)
        return External(canonical(f"{base}.{name}"))

    def _submodule(self, base: str, name: str, importer: SourceFile, level: int) -> SourceFile | None:
        found = self.modules.find(f"{base}.{name}" if base else name, importer, level)
        if found is not None:
            self.scope_of(found)
        return found

    def _import_star(self, node: syntax.Import, scope: Scope) -> None:
        file = self.modules.find(node.module or "", scope.file, node.level)
        if file is None or file is scope.file:
            return
        source = self.scope_of(file)
        exported = source.names.get("__all__")
        listed = [i.value for i in exported.items if isinstance(i, Constant)] if isinstance(exported, Listing) else []
        for name in listed or [n for n in source.names if not n.startswith("_")]:
            if isinstance(name, str) and name in source.names:
                scope.names[name] = source.names[name]

    def _assign(self, node: syntax.Assign, scope: Scope) -> bool:
        if node.value is None:
            self._declare(node, scope)
            return False
        value = self.evaluate(node.value, scope)
        for target in node.targets:
            if node.operator is not None:
                value = self._augment(node.operator, target, value, scope)
            elif isinstance(value, Unknown) and node.annotation is not None:
                value = self.typed(node.annotation, scope)
            self.bind(target, value, scope)
        return False

    def _declare(self, node: syntax.Assign, scope: Scope) -> None:
        """`name: Type` without a value says what a name will be, outside classes."""
        target = node.targets[0]
        if (
            isinstance(target, syntax.Name)
            and not scope.is_class
            and node.annotation is not None
            and target.id not in scope.names
        ):
            scope.names[target.id] = self.typed(node.annotation, scope)

    def _augment(self, operator: str, target: syntax.Expr, value: Value, scope: Scope) -> Value:
        current = self.evaluate(target, scope)
        if isinstance(current, Listing) and isinstance(value, Listing):
            current.items.extend(value.items)
            return current
        return operate(operator, [current, value])

    def bind(self, target: syntax.Expr, value: Value, scope: Scope) -> None:
        """Assigns a value to a name, attribute, item or tuple of them."""
        match target:
            case syntax.Name():
                self._bind_name(target.id, value, scope)
            case syntax.Collection():
                items = value.items if isinstance(value, Listing) else []
                for position, element in enumerate(target.elements):
                    self.bind(element, items[position] if position < len(items) else Unknown(), scope)
            case syntax.Starred():
                self.bind(target.value, Unknown(), scope)
            case syntax.Attribute():
                owner = self.evaluate(target.value, scope)
                if isinstance(owner, Instance):
                    owner.attributes[target.attr] = value
                elif isinstance(owner, ClassValue):
                    owner.body.names[target.attr] = value
                elif isinstance(owner, ModuleValue) and owner.file is not None:
                    self.scope_of(owner.file).names.setdefault(target.attr, value)
            case syntax.Subscript():
                self._bind_item(target, value, scope)
            case _:
                pass

    def _bind_item(self, target: syntax.Subscript, value: Value, scope: Scope) -> None:
        owner, key = self.evaluate(target.value, scope), self.evaluate(target.index, scope)
        if not isinstance(owner, Table):
            return
        if isinstance(key, Constant):
            owner.items[key.value] = value
        else:
            owner.open_ended = True

    def _bind_name(self, name: str, value: Value, scope: Scope) -> None:
        home = scope
        if (
            scope.function is not None
            and isinstance(scope.function.node, syntax.FunctionDef)
            and name in self._globals_of(scope.function.node)
        ):
            home = scope.module
        known = home.names.get(name)
        # Under an open condition, or after a failed import, what is known already is the better answer.
        if (
            self.conditions
            and known is not None
            and isinstance(value, Unknown | Constant)
            and not isinstance(known, Unknown | Constant)
        ):
            return
        home.names[name] = value

    def _globals_of(self, node: syntax.FunctionDef) -> frozenset[str]:
        if id(node) not in self._declared_global:
            self._declared_global[id(node)] = frozenset(
                name
                for statement in node.body
                for inner in syntax.walk(statement)
                if isinstance(inner, syntax.Declare)
                for name in inner.names
            )
        return self._declared_global[id(node)]

    def _if(self, node: syntax.If, scope: Scope) -> bool:
        text = scope.file.source(node.test)
        if "TYPE_CHECKING" in text:
            self._run(
                [s for s in node.body if isinstance(s, syntax.Import)] if not text.startswith("not ") else node.body,
                scope,
            )
            return self._run(node.orelse, scope)
        if "__name__" in text and "__main__" in text:
            return self._run(node.orelse, scope)
        truth = self.truth(self.evaluate(node.test, scope))
        if truth is not None:
            return self._run(node.body if truth else node.orelse, scope)
        returned = len(self._frames[-1].returned) if self._frames else 0
        with self._under(text):
            ended = self._run(node.body, scope)
        if not node.orelse:
            if ended and self._frames and len(self._frames[-1].returned) > returned:
                self._guard = f"not ({text})"
            return False
        with self._under(f"not ({text})"):
            return self._run(node.orelse, scope) and ended

    def truth(self, value: Value) -> bool | None:
        """Whether a value is true; `None` when only running would tell."""
        match value:
            case Constant(is_default=False):
                return bool(value.value)
            case Listing(open_ended=False):
                return bool(value.items)
            case Table(open_ended=False):
                return bool(value.items)
            case FunctionValue() | ClassValue() | ModuleValue() | Registrar():
                return True
            case Instance(site=Site()) if value.is_a(*COMPOSABLE):
                return True
            case _:
                return None

    def _loop(self, node: syntax.Loop, scope: Scope) -> bool:
        if node.target is None:
            with self._under(None):
                self._run(node.body, scope)
            return False
        for element, known in self._elements(self.evaluate(node.iterable, scope)):
            self.bind(node.target, element, scope)
            with self._under(
                None if known else f"for {scope.file.source(node.target)} in {scope.file.source(node.iterable)}"
            ):
                self._run(node.body, scope)
        self._run(node.orelse, scope)
        return False

    def _elements(self, value: Value) -> Iterator[tuple[Value, bool]]:
        """What a loop runs over, and whether that is known."""
        match value:
            case Listing():
                yield from ((item, True) for item in value.items[:MOST_ROUNDS])
                if value.open_ended:
                    yield Unknown("an element"), False
            case Table():
                yield from ((Constant(key), True) for key in list(value.items)[:MOST_ROUNDS])
            case Constant(value=str() as text):
                yield from ((Constant(c), True) for c in text[:MOST_ROUNDS])
            case ClassValue() if not value.externals().isdisjoint({"enum.Enum", "enum.StrEnum", "enum.IntEnum"}):
                yield from (
                    (v, True) for n, v in value.body.names.items() if isinstance(v, Constant) and not n.startswith("_")
                )
            case _:
                yield Unknown("an element"), False

    def _with(self, node: syntax.With, scope: Scope) -> bool:
        for item in node.items:
            value = self.evaluate(item.value, scope)
            if item.target is not None:
                self.bind(item.target, self.entered(value), scope)
        return self._run(node.body, scope)

    def entered(self, value: Value) -> Value:
        """What `with value as x` gives to x."""
        if isinstance(value, Instance) and isinstance(value.cls, ClassValue):
            enter = value.cls.lookup("__aenter__") or value.cls.lookup("__enter__")
            if isinstance(enter, FunctionValue):
                found = self.returned(enter.bound(value))
                return value if isinstance(found, Unknown) else found
        return value

    def _try(self, node: syntax.Try, scope: Scope) -> bool:
        ended = self._run(node.body, scope)
        for handler in node.handlers:
            kind = scope.file.source(handler.type) if handler.type is not None else "anything"
            if handler.name:
                scope.names[handler.name] = self._caught(handler, scope)
            with self._under(f"except {kind}"):
                self._run(handler.body, scope)
        if not ended:
            ended = self._run(node.orelse, scope)
        return self._run(node.final, scope) or ended

    def _caught(self, handler: syntax.Handler, scope: Scope) -> Value:
        kind = self.evaluate(handler.type, scope) if handler.type is not None else Unknown()
        if isinstance(kind, Listing):
            kind = kind.items[0] if kind.items else Unknown()
        return Instance(kind) if isinstance(kind, External | ClassValue) else Unknown("an exception")

    def _match(self, node: syntax.Match, scope: Scope) -> bool:
        subject = self.evaluate(node.subject, scope)
        text = scope.file.source(node.subject)
        for case in node.cases:
            values = [self.evaluate(v, scope) for v in case.values]
            known = (
                isinstance(subject, Constant)
                and not subject.is_default
                and all(isinstance(v, Constant) for v in values)
            )
            if (
                known
                and values
                and isinstance(subject, Constant)
                and subject.value not in [v.value for v in values if isinstance(v, Constant)]
            ):
                continue
            with self._under(None if known else f"match {text}"):
                self._run(case.body, scope)
            if known:
                break
        return False

    def _class(self, node: syntax.ClassDef, scope: Scope) -> bool:
        bases = tuple(self._base(b, scope) for b in node.bases)
        owner = scope.names.get("__class__") if scope.is_class else None
        body = Scope(scope.file, scope, is_class=True, function=scope.function)
        decorators = tuple(self.evaluate(d, scope) for d in node.decorators)
        cls = ClassValue(node, scope, body, bases, owner if isinstance(owner, ClassValue) else None, decorators)
        body.names["__class__"] = cls
        scope.names[node.name] = cls
        self._run(node.body, body)
        for decorator in reversed(decorators):
            self._decorate_class(decorator, cls)
        return False

    def _base(self, node: syntax.Expr, scope: Scope) -> Value:
        """`Base[Argument]` descends from `Base`."""
        return self.evaluate(node.value if isinstance(node, syntax.Subscript) else node, scope)

    def _decorate_class(self, decorator: Value, cls: ClassValue) -> None:
        if isinstance(decorator, Instance) and decorator.type_name.endswith(".cbv()") and decorator.args:
            self._class_based_view(decorator.args[0], cls)
        elif isinstance(decorator, FunctionValue | Registrar) and self.composing:
            site = Site(cls.file, _call_at(cls.node), cls.scope)
            self.apply(decorator, (cls,), {}, site)

    def _class_based_view(self, router: Value, cls: ClassValue) -> None:
        """fastapi-utils' `@cbv(router)`: the methods are on the router already; `self` stops being a parameter."""
        if not isinstance(router, Instance):
            return
        view = Instance(cls)
        for position, entry in enumerate(router.registrations):
            if isinstance(entry.handler, FunctionValue) and entry.handler.owner is cls:
                bound = entry.handler.bound(view)
                router.registrations[position] = Registration(
                    entry.method, entry.args, entry.keywords, entry.site, bound, entry.conditions, entry.stage
                )

    def _function(self, node: syntax.FunctionDef, scope: Scope) -> bool:
        decorators = tuple(self.evaluate(d, scope) for d in node.decorators)
        owner = scope.names.get("__class__") if scope.is_class else None
        function = FunctionValue(node, scope, owner if isinstance(owner, ClassValue) else None, None, decorators)
        result: Value = function
        for decorator, written in zip(reversed(decorators), reversed(node.decorators), strict=True):
            result = self._decorate(decorator, result, function, written)
        scope.names[node.name] = result
        return False

    def _decorate(self, decorator: Value, current: Value, function: FunctionValue, written: syntax.Expr) -> Value:
        site = Site(function.file, _call_at(written), function.scope)
        match decorator:
            case Registrar():
                self._record(
                    decorator.target, decorator.method, decorator.args, decorator.keywords, decorator.site, current
                )
                return current
            case FunctionValue() if self.composing:
                made = self.apply(decorator, (current,), {}, site)
                return (
                    made
                    if isinstance(made, Instance)
                    and made.cls is not None
                    and made.site is not None
                    and not isinstance(made.cls, External)
                    else current
                )
            case Instance(cls=ClassValue()) if self.composing:
                self.apply(decorator, (current,), {}, site)
                return current
            case Method() if decorator.receiver.is_a(*COMPOSABLE):
                self.apply(decorator, (current,), {}, site)
                return current
            case _:
                return current

    # Expressions

    def _expression_table(self) -> dict[type[syntax.Node], Callable[..., Value]]:
        return {
            syntax.Constant: lambda node, _scope: Constant(node.value),
            syntax.Name: lambda node, scope: self.name(node.id, scope),
            syntax.Attribute: lambda node, scope: self.attribute(self.evaluate(node.value, scope), node.attr),
            syntax.Call: self._call,
            syntax.FString: self._fstring,
            syntax.Collection: self._collection,
            syntax.Mapping: self._mapping,
            syntax.Lambda: self._lambda,
            syntax.Comprehension: self._comprehension,
            syntax.Operation: self._operation,
            syntax.Conditional: self._conditional,
            syntax.Subscript: self._subscript,
            syntax.Await: lambda node, scope: self.evaluate(node.value, scope),
            syntax.Yield: self._yield,
            syntax.Walrus: self._walrus,
            syntax.Starred: lambda node, scope: self.evaluate(node.value, scope),
        }

    def evaluate(self, node: syntax.Expr, scope: Scope) -> Value:
        """The value of an expression."""
        self.steps -= 1
        if self.steps <= 0:
            raise ExhaustedError
        evaluate = self._evaluate.get(type(node))
        return Unknown() if evaluate is None else evaluate(node, scope)

    def _lambda(self, node: syntax.Lambda, scope: Scope) -> Value:
        owner = scope.names.get("__class__") if scope.is_class else None
        return FunctionValue(node, scope, owner if isinstance(owner, ClassValue) else None)

    def _fstring(self, node: syntax.FString, scope: Scope) -> Value:
        parts = [self.evaluate(p, scope) for p in node.parts]
        if all(isinstance(p, Constant) for p in parts):
            is_default = any(isinstance(p, Constant) and p.is_default for p in parts)
            return Constant("".join(str(p.value) for p in parts if isinstance(p, Constant)), is_default)
        return Unknown("an f-string of something unknown")

    def _collection(self, node: syntax.Collection, scope: Scope) -> Value:
        listing = Listing(node.kind, [])
        for element in node.elements:
            value = self.evaluate(element, scope)
            if not isinstance(element, syntax.Starred):
                listing.items.append(value)
            elif isinstance(value, Listing):
                listing.items.extend(value.items)
                listing.open_ended |= value.open_ended
            else:
                listing.open_ended = True
        return listing

    def _mapping(self, node: syntax.Mapping, scope: Scope) -> Value:
        table = Table({})
        for key, written in zip(node.keys, node.values, strict=True):
            value = self.evaluate(written, scope)
            name = None if key is None else self.evaluate(key, scope)
            if isinstance(name, Constant):
                table.items[name.value] = value
            elif name is None and isinstance(value, Table):
                table.items.update(value.items)
                table.open_ended |= value.open_ended
            elif isinstance(name, ClassValue | External | FunctionValue | Instance):
                table.items[name] = value
            else:
                table.open_ended = True
        return table

    def _comprehension(self, node: syntax.Comprehension, scope: Scope) -> Value:
        inner = Scope(scope.file, scope, function=scope.function)
        rows: list[list[Value]] = []
        complete = self._generate(node, 0, inner, rows)
        if node.kind == "dict":
            pairs = [(r[0].value, r[1]) for r in rows if isinstance(r[0], Constant)]
            return Table(dict(pairs), open_ended=not complete or len(pairs) < len(rows))
        return Listing("set" if node.kind == "set" else "list", [r[0] for r in rows], open_ended=not complete)

    def _generate(self, node: syntax.Comprehension, depth: int, scope: Scope, rows: list[list[Value]]) -> bool:
        if depth == len(node.generators):
            rows.append([self.evaluate(e, scope) for e in node.elements])
            return True
        generator = node.generators[depth]
        complete = True
        for element, known in self._elements(self.evaluate(generator.iterable, scope)):
            self.bind(generator.target, element, scope)
            truths = [self.truth(self.evaluate(c, scope)) for c in generator.conditions]
            if False in truths:
                continue
            complete &= known and None not in truths and self._generate(node, depth + 1, scope, rows)
        return complete

    def _operation(self, node: syntax.Operation, scope: Scope) -> Value:
        return operate(node.operator, [self.evaluate(o, scope) for o in node.operands])

    def _conditional(self, node: syntax.Conditional, scope: Scope) -> Value:
        truth = self.truth(self.evaluate(node.test, scope))
        if truth is not None:
            return self.evaluate(node.body if truth else node.orelse, scope)
        body, orelse = self.evaluate(node.body, scope), self.evaluate(node.orelse, scope)
        if isinstance(body, Constant) or isinstance(orelse, Constant):
            known = orelse if isinstance(body, Constant) else body
            return (
                known
                if isinstance(known, Instance | FunctionValue | ClassValue | Listing)
                else Unknown("one of two values")
            )
        return orelse if isinstance(body, Unknown) else body

    def _subscript(self, node: syntax.Subscript, scope: Scope) -> Value:
        owner = self.evaluate(node.value, scope)
        index = self.evaluate(node.index, scope) if not isinstance(node.index, syntax.Slice) else Unknown()
        match owner, index:
            case Listing(), Constant(value=int() as at) if -len(owner.items) <= at < len(owner.items):
                return owner.items[at]
            case Table(), Constant() if index.value in owner.items:
                return owner.items[index.value]
            case External(), _:
                args = tuple(index.items) if isinstance(index, Listing) else (index,)
                return Instance(owner, args, site=None)
            case ClassValue(), _:
                return owner
            case Instance(cls=External()), _:
                return Instance(External(returned_type(f"{owner.type_name}.__getitem__")))
            case _:
                return Unknown("an item")

    def _yield(self, node: syntax.Yield, scope: Scope) -> Value:
        if node.value is not None:
            value = self.evaluate(node.value, scope)
            if self._frames:
                self._frames[-1].returned.append(value)
        return Unknown("what was sent")

    def _walrus(self, node: syntax.Walrus, scope: Scope) -> Value:
        value = self.evaluate(node.value, scope)
        self.bind(node.target, value, scope)
        return value

    # Attributes

    def attribute(self, owner: Value, name: str) -> Value:
        """What `owner.name` stands for."""
        match owner:
            case ModuleValue():
                return self._module_attribute(owner, name)
            case External():
                return External(canonical(f"{owner.name}.{name}"))
            case Instance():
                return self._instance_attribute(owner, name)
            case ClassValue():
                return self._class_attribute(owner, name)
            case Super():
                return self._super_attribute(owner, name)
            case Constant() if name in {"value", "name"}:
                return owner
            case Method():
                return External(f"{owner.dotted}.{name}")
            case FunctionValue() if name == "__name__":
                return Constant(owner.name)
            case _:
                return Unknown(f"attribute `{name}`")

    def _module_attribute(self, owner: ModuleValue, name: str) -> Value:
        if owner.file is not None:
            found = self.member(owner.file, name)
            return Unknown(f"`{name}` of {owner.name}") if found is None else found
        below = next((f for f in self.modules.files.values() if f.name == f"{owner.name}.{name}"), None)
        if below is not None:
            self.scope_of(below)
            return ModuleValue(below.name, below)
        return ModuleValue(f"{owner.name}.{name}", None)

    def _class_attribute(self, owner: ClassValue, name: str) -> Value:
        found = owner.lookup(name)
        if isinstance(found, FunctionValue):
            return found.bound(owner) if found.is_decorated("classmethod") else found
        if found is not None:
            return found
        if name == "__name__":
            return Constant(owner.node.name)
        foreign = next((c for c in owner.ancestry() if isinstance(c, External)), None)
        return External(f"{foreign.name}.{name}") if foreign else Unknown(f"attribute `{name}`")

    def _instance_attribute(self, owner: Instance, name: str) -> Value:
        if name in owner.attributes:
            return owner.attributes[name]
        if owner.is_a(*COMPOSABLE):
            if name == "router":
                return owner
            if name in {"state", "routes", "dependency_overrides", "exception_handlers", "user_middleware"}:
                made = Instance(External(f"fastapi.FastAPI.{name}"), attributes={"of": owner})
                owner.attributes[name] = made
                return made
        if isinstance(owner.cls, External):
            return Method(owner, name)
        found = owner.cls.lookup(name)
        if isinstance(found, FunctionValue):
            return self._bound(found, owner)
        if (
            found is not None
            and not isinstance(found, Unknown)
            and not (isinstance(found, Instance) and found.is_a(*_FIELD_MAKERS))
        ):
            return found
        inferred = self._inferred_attribute(owner.cls, name)
        if not isinstance(inferred, Unknown):
            return inferred
        return Method(owner, name) if owner.cls.externals() else inferred

    def _bound(self, found: FunctionValue, owner: Instance) -> Value:
        if found.is_decorated("staticmethod"):
            return found
        if found.is_decorated("classmethod"):
            return found.bound(owner.cls)
        bound = found.bound(owner)
        if found.is_decorated("property", "functools.cached_property"):
            return self.call_function(bound, (), {}, None)
        return bound

    def _inferred_attribute(self, cls: ClassValue, name: str) -> Value:
        """What `self.name` is by its annotation in the class or its assignment in a method."""
        key = (id(cls), name)
        if key in self._attributes:
            return self._attributes[key]
        self._attributes[key] = Unknown(f"attribute `{name}`")
        with self.inferring():
            for current in cls.ancestry():
                if isinstance(current, ClassValue):
                    found = self._declared(current, name, cls)
                    if not isinstance(found, Unknown):
                        self._attributes[key] = found
                        break
        return self._attributes[key]

    def _declared(self, cls: ClassValue, name: str, of: ClassValue) -> Value:
        for statement in cls.node.body:
            if (
                isinstance(statement, syntax.Assign)
                and statement.annotation is not None
                and _is_name(statement.targets[0], name)
            ):
                found = self.typed(statement.annotation, cls.body)
                if not isinstance(found, Unknown):
                    return found
        for method in cls.node.body:
            if isinstance(method, syntax.FunctionDef):
                for statement in _assignments(method):
                    if any(_is_attribute_of_self(t, name) for t in statement.targets):
                        function = FunctionValue(method, cls.body, cls, Instance(of))
                        value = (
                            self.evaluate(statement.value, self.local_scope(function))
                            if statement.value is not None
                            else Unknown()
                        )
                        if isinstance(value, Unknown | Constant) and statement.annotation is not None:
                            value = self.typed(statement.annotation, cls.body)
                        if not isinstance(value, Unknown) and value != NOTHING:
                            return value
        return Unknown(f"attribute `{name}`")

    def _super_attribute(self, owner: Super, name: str) -> Value:
        receiver = owner.receiver
        cls = receiver.cls if isinstance(receiver, Instance) else receiver
        if not isinstance(cls, ClassValue):
            return Unknown("super()")
        later = False
        for current in cls.ancestry():
            if later and isinstance(current, ClassValue) and name in current.body.names:
                found = current.body.names[name]
                return found.bound(receiver) if isinstance(found, FunctionValue) else found
            later = later or current is owner.after
        return Method(receiver, name) if isinstance(receiver, Instance) else Unknown("super()")

    # Calls

    def _call(self, node: syntax.Call, scope: Scope) -> Value:
        site = Site(scope.file, node, scope)
        if isinstance(node.func, syntax.Attribute):
            owner = self.evaluate(node.func.value, scope)
            if isinstance(owner, Listing | Table) or (isinstance(owner, Constant) and isinstance(owner.value, str)):
                args, _ = self._arguments(node, scope)
                return call_container(owner, node.func.attr, args, conditional=bool(self.conditions))
            callee = self.attribute(owner, node.func.attr)
        else:
            callee = self.evaluate(node.func, scope)
        if callee == External("super"):
            return self._super(scope)
        args, keywords = self._arguments(node, scope)
        return self.apply(callee, args, keywords, site)

    def _arguments(self, node: syntax.Call, scope: Scope) -> tuple[tuple[Value, ...], dict[str, Value]]:
        args: list[Value] = []
        for written in node.args:
            value = self.evaluate(written, scope)
            if isinstance(written, syntax.Starred):
                args.extend(value.items if isinstance(value, Listing) else [Unknown("an argument")])
            else:
                args.append(value)
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, scope)
            if keyword.name is not None:
                keywords[keyword.name] = value
            elif isinstance(value, Table):
                keywords.update({k: v for k, v in value.items.items() if isinstance(k, str)})
        return tuple(args), keywords

    def _super(self, scope: Scope) -> Value:
        current: Scope | None = scope
        while current is not None and (current.function is None or current.function.owner is None):
            current = current.parent
        if current is None or current.function is None or current.function.owner is None:
            return Unknown("super()")
        receiver = current.function.receiver
        if (
            receiver is None
            and isinstance(current.function.node, syntax.FunctionDef)
            and current.function.node.parameters
        ):
            receiver = current.lookup(current.function.node.parameters[0].name)
        return Super(receiver, current.function.owner) if receiver is not None else Unknown("super()")

    def apply(self, callee: Value, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None) -> Value:
        """What calling a value gives; registrations on applications and routers are recorded on the way."""
        match callee:
            case External():
                return self._call_external(callee, args, keywords, site)
            case ClassValue():
                return self._instantiate(callee, args, keywords, site)
            case FunctionValue():
                return self.call_function(callee, args, keywords, site)
            case Method():
                return self._call_method(callee, args, keywords, site)
            case Partial():
                return self.apply(callee.target, (*callee.args, *args), {**callee.keywords, **keywords}, site)
            case Registrar():
                handler = args[0] if args else Unknown()
                self._record(callee.target, callee.method, callee.args, callee.keywords, callee.site, handler)
                return handler
            case Instance():
                return self._call_instance(callee, args, keywords, site)
            case _:
                self._lost(callee, args, keywords, site)
                return Unknown("a call of something unknown")

    def _call_external(
        self, callee: External, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
    ) -> Value:
        known = call_builtin(self, callee.name, args, keywords)
        if known is not None:
            return known
        made = Instance(External(returned_type(callee.name)), args, keywords, site)
        if self.composing:
            if made.is_a(*APPLICATIONS):
                self._start(made)
            elif made.is_a(*ROUTERS):
                self.routers.append(made)
            else:
                self._lost(callee, args, keywords, site)
            self.instances.append(made)
        return made

    def _start(self, application: Instance) -> None:
        self.applications.append(application)
        application.attributes["conditions"] = Listing("tuple", [Constant(c) for c in self.conditions])

    def _call_instance(
        self, callee: Instance, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
    ) -> Value:
        if isinstance(callee.cls, ClassValue):
            method = callee.cls.lookup("__call__")
            if isinstance(method, FunctionValue):
                return self.call_function(method.bound(callee), args, keywords, site)
        return Instance(External(returned_type(f"{callee.type_name}.__call__")), args, keywords, site)

    def _call_method(
        self, callee: Method, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
    ) -> Value:
        receiver, name = callee.receiver, callee.name
        if receiver.is_a(*COMPOSABLE) and site is not None:
            if name in DECORATING:
                if name == "route" and len(args) > 1 and isinstance(args[1], FunctionValue):
                    self._record(receiver, "add_route", args, keywords, site, None)
                    return NOTHING
                return Registrar(receiver, name, args, keywords, site)
            if name in DIRECT:
                self._record(receiver, name, args, keywords, site, None)
                return NOTHING
            if name == DYNAMIC:
                self._record(receiver, DYNAMIC, args, keywords, site, None)
                return Unknown("a registration by a name that is not known")
            if name == "__init__":
                receiver.args, receiver.keywords = args, {**receiver.keywords, **keywords}
                return NOTHING
        if receiver.type_name == "fastapi.FastAPI.routes" and site is not None:
            of = receiver.attributes["of"]
            if isinstance(of, Instance):
                self._record(of, f"routes.{name}", args, keywords, site, None)
            return NOTHING
        return self._foreign_method(callee, args, keywords, site)

    def _foreign_method(
        self, callee: Method, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
    ) -> Value:
        made = Instance(
            External(returned_type(callee.dotted)), args, keywords, site, attributes={"receiver": callee.receiver}
        )
        if self.composing:
            self.instances.append(made)
            application = next(
                (a for a in (*args, *keywords.values()) if isinstance(a, Instance) and a.is_a(*COMPOSABLE)), None
            )
            if application is not None and site is not None:
                self._record(application, callee.dotted, args, keywords, site, callee.receiver)
        return made

    def _lost(self, callee: Value, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None) -> None:
        """An application or router handed to code that cannot be read may get routes there."""
        if not self.composing or site is None:
            return
        for argument in (*args, *keywords.values()):
            if isinstance(argument, Instance) and argument.is_a(*COMPOSABLE):
                name = callee.name if isinstance(callee, External) else "unknown"
                self._record(argument, f"call:{name}", args, keywords, site, None)

    def _record(
        self,
        target: Instance,
        method: str,
        args: tuple[Value, ...],
        keywords: dict[str, Value],
        site: Site,
        handler: Value | None,
    ) -> None:
        if not self.composing:
            return
        entry = Registration(method, args, keywords, site, handler, tuple(self.conditions), self.stage)
        target.registrations.append(entry)

    def _instantiate(
        self, cls: ClassValue, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
    ) -> Value:
        externals = cls.externals()
        if not externals.isdisjoint({"enum.Enum", "enum.StrEnum", "enum.IntEnum"}):
            return args[0] if args else Unknown()
        made = Instance(cls, args, dict(keywords), site)
        if not self.composing:
            return made
        self.instances.append(made)
        if made.is_a(*APPLICATIONS):
            self._start(made)
        elif made.is_a(*ROUTERS):
            self.routers.append(made)
        if self._has_fields(cls, externals):
            self._fill_fields(made, cls, args, keywords)
        for name in ("__init__", "__post_init__", "__attrs_post_init__", "model_post_init"):
            method = cls.lookup(name)
            if isinstance(method, FunctionValue):
                given = (args, keywords) if name == "__init__" else ((), {})
                self.call_function(method.bound(made), *given, site)
        return made

    def _has_fields(self, cls: ClassValue, externals: set[str]) -> bool:
        if not externals.isdisjoint((*MODELS, *SETTINGS)):
            return True
        decorators = [d for c in cls.ancestry() if isinstance(c, ClassValue) for d in c.decorators]
        return any(
            (d.name if isinstance(d, External) else d.type_name.removesuffix("()")) in _DATA_DECORATORS
            for d in decorators
            if isinstance(d, External | Instance)
        )

    def _fill_fields(
        self, made: Instance, cls: ClassValue, args: tuple[Value, ...], keywords: dict[str, Value]
    ) -> None:
        position = 0
        for current in reversed([c for c in cls.ancestry() if isinstance(c, ClassValue)]):
            for statement in current.node.body:
                if not (isinstance(statement, syntax.Assign) and statement.annotation is not None):
                    continue
                target = statement.targets[0]
                if not isinstance(target, syntax.Name):
                    continue
                name = target.id
                if name in keywords:
                    made.attributes[name] = keywords[name]
                elif position < len(args):
                    made.attributes[name] = args[position]
                else:
                    made.attributes[name] = self._field_default(statement, current, made)
                position += 1

    def _field_default(self, statement: syntax.Assign, cls: ClassValue, made: Instance) -> Value:
        is_setting = made.is_a(*SETTINGS)
        value: Value = Unknown()
        if statement.value is not None:
            value = self.evaluate(statement.value, cls.body)
        if isinstance(value, Instance) and value.is_a(*_FIELD_MAKERS):
            factory = value.argument("default_factory") or value.argument("factory")
            value = (
                self.apply(factory, (), {}, value.site)
                if factory is not None
                else value.argument("default", 0) or Unknown()
            )
        if isinstance(value, Constant) and is_setting:
            return Constant(value.value, is_default=True)
        if isinstance(value, Listing) and is_setting:
            items = [Constant(i.value, is_default=True) if isinstance(i, Constant) else i for i in value.items]
            return Listing(value.kind, items, value.open_ended)
        if isinstance(value, Unknown) and statement.annotation is not None:
            return self.typed(statement.annotation, cls.body)
        return value

    def call_function(
        self, function: FunctionValue, args: tuple[Value, ...], keywords: dict[str, Value], site: Site | None
    ) -> Value:
        """Follows a function of the program with these arguments; without composing, only what it returns."""
        node = function.node
        if isinstance(node, syntax.Lambda):
            scope = Scope(function.file, function.scope, function=function)
            self._bind_parameters(function, args, keywords, scope)
            return self.evaluate(node.body, scope)
        if not self.composing:
            return self.returned(function)
        if not self._worth_following(function, args, keywords):
            return self.returned(function)
        if self._calls.count(node) > 1 or len(self._calls) >= DEEPEST_CALL:
            self._lost(function, args, keywords, site)
            return self.returned(function)
        self._called.add(id(node))
        scope = Scope(function.file, function.scope, function=function)
        self._bind_parameters(function, args, keywords, scope)
        frame = _Frame(function, MOST_STEPS_A_CALL)
        self._calls.append(node)
        self._frames.append(frame)
        try:
            self._run(node.body, scope)
        except _LongEnoughError:
            pass
        finally:
            self._frames.pop()
            self._calls.pop()
        result = self._result(function, frame.returned)
        is_typed_only = isinstance(function.receiver, Instance) and function.receiver.site is None
        return Unknown("a method that a subclass may override") if is_typed_only and result == NOTHING else result

    def _worth_following(self, function: FunctionValue, args: tuple[Value, ...], keywords: dict[str, Value]) -> bool:
        """After the import only what is handed an application, or called often for its value, is business logic."""
        counted = self._followed[id(function.node)] = self._followed.get(id(function.node), 0) + 1
        given = (*args, *keywords.values(), *([function.receiver] if function.receiver is not None else []))
        most = MOST_PLAIN_CALLS if all(isinstance(v, Constant) for v in given) else MOST_CALLS
        if counted < most and self.stage == "import":
            return True
        return any(_holds_application(v) for v in given)

    def _result(self, function: FunctionValue, returned: list[Value]) -> Value:
        if not returned:
            return NOTHING
        best = next((v for v in returned if isinstance(v, Instance) and v.is_a(*COMPOSABLE)), None)
        known = [v for v in returned if not isinstance(v, Unknown) and v != NOTHING]
        if best is not None or known:
            return best if best is not None else known[-1]
        return returned[-1] if all(v == NOTHING for v in returned) else self.returned(function)

    def _bind_parameters(
        self, function: FunctionValue, args: Sequence[Value], keywords: dict[str, Value], scope: Scope
    ) -> None:
        given = list(args)
        if function.receiver is not None:
            given.insert(0, function.receiver)
        rest = dict(keywords)
        for parameter in function.node.parameters:
            if parameter.kind == "*":
                scope.names[parameter.name] = Listing("tuple", given)
                given = []
            elif parameter.kind == "**":
                scope.names[parameter.name] = Table.of(rest)
            elif parameter.kind == "positional" and given:
                scope.names[parameter.name] = given.pop(0)
            elif parameter.name in rest:
                scope.names[parameter.name] = rest.pop(parameter.name)
            else:
                scope.names[parameter.name] = self._missing(parameter, function)

    def _missing(self, parameter: syntax.Parameter, function: FunctionValue) -> Value:
        if parameter.default is not None:
            value = self.evaluate(parameter.default, function.scope)
            if isinstance(value, Instance) and value.is_a("fastapi.Depends", "fastapi.Security"):
                return self.provided(value, parameter, function)
            if not isinstance(value, Unknown) and value != NOTHING:
                return value
            if parameter.annotation is None or not self._frames:
                return value
            return value
        return (
            self.typed(parameter.annotation, function.scope)
            if parameter.annotation is not None
            else Unknown(f"parameter `{parameter.name}`")
        )

    # Inference: what an expression is, without following calls for their effects

    def provided(self, depends: Instance, parameter: syntax.Parameter, function: FunctionValue) -> Value:
        """What a parameter with `= Depends(provider)` receives."""
        if parameter.annotation is not None:
            typed = self.typed(parameter.annotation, function.scope)
            if not isinstance(typed, Unknown):
                return typed
        provider = depends.argument("dependency", 0)
        with self.inferring():
            return self.apply(provider, (), {}, None) if provider is not None else Unknown()

    def returned(self, function: FunctionValue) -> Value:
        """What a function gives, by its annotation or its `return` and `yield`; a coroutine gives its value."""
        node = function.node
        if isinstance(node, syntax.Lambda):
            return self.evaluate(node.body, function.scope)
        key = (id(node), id(function.scope))
        if key in self._returned:
            return self._returned[key]
        if id(node) in self._inferring:
            return Unknown("recursion")
        self._inferring.add(id(node))
        with self.inferring():
            found: Value = Unknown()
            if node.returns is not None:
                found = self.typed(node.returns, function.scope)
                if found == NOTHING or (isinstance(found, Instance) and found.is_a(*_SAYS_NOTHING)):
                    found = Unknown()
            if isinstance(found, Unknown):
                found = self._returned_values(function)
        self._inferring.discard(id(node))
        if function.receiver is None or not isinstance(found, Unknown):
            self._returned[key] = found
        return found

    def _returned_values(self, function: FunctionValue) -> Value:
        scope = self.local_scope(function)
        values: list[Value] = []
        for statement in function.node.body if isinstance(function.node, syntax.FunctionDef) else ():
            for inner in syntax.walk(statement):
                if isinstance(statement, syntax.FunctionDef | syntax.ClassDef):
                    continue
                if isinstance(inner, syntax.Return | syntax.Yield) and inner.value is not None:
                    values.append(self.evaluate(inner.value, scope))
        known = [v for v in values if not isinstance(v, Unknown) and v != NOTHING]
        return known[-1] if known else Unknown("what it returns")

    def local_scope(self, function: FunctionValue) -> Scope:
        """The names inside a function, by annotations and assignments; order is not followed."""
        key = (id(function.node), id(function.scope))
        if key in self._locals:
            return self._locals[key]
        scope = self._locals[key] = Scope(function.file, function.scope, function=function)
        with self.inferring(), self._outside_conditions():
            frames, self._frames = self._frames, []
            receiver = function.receiver
            owner = function.owner if isinstance(function.node, syntax.FunctionDef) else None
            if receiver is None and owner is not None and not function.is_decorated("staticmethod"):
                receiver = owner if function.is_decorated("classmethod") else Instance(owner)
            bound = function if receiver is None else function.bound(receiver)
            self._bind_parameters(bound, (), {}, scope)
            if isinstance(function.node, syntax.FunctionDef):
                self._bind_locals(function.node.body, scope)
            self._frames = frames
        return scope

    def _bind_locals(self, body: Iterable[syntax.Stmt], scope: Scope) -> None:  # noqa: C901, PLR0912  one table of statements
        for statement in body:
            match statement:
                case syntax.Import() | syntax.ClassDef():
                    self._execute[type(statement)](statement, scope)
                case syntax.FunctionDef():
                    scope.names[statement.name] = FunctionValue(statement, scope)
                case syntax.Assign():
                    self._bind_local(statement, scope)
                case syntax.Evaluate():
                    self._bind_walruses(statement.value, scope)
                case syntax.If():
                    self._bind_walruses(statement.test, scope)
                    self._bind_locals((*statement.body, *statement.orelse), scope)
                case syntax.Loop():
                    if statement.target is not None:
                        element = next(self._elements(self.evaluate(statement.iterable, scope)), (Unknown(), False))[0]
                        self.bind(statement.target, element, scope)
                    else:
                        self._bind_walruses(statement.iterable, scope)
                    self._bind_locals((*statement.body, *statement.orelse), scope)
                case syntax.With():
                    for item in statement.items:
                        if item.target is not None:
                            self.bind(item.target, self.entered(self.evaluate(item.value, scope)), scope)
                    self._bind_locals(statement.body, scope)
                case syntax.Try():
                    self._bind_locals(statement.body, scope)
                    for handler in statement.handlers:
                        if handler.name:
                            scope.names[handler.name] = self._caught(handler, scope)
                        self._bind_locals(handler.body, scope)
                    self._bind_locals((*statement.orelse, *statement.final), scope)
                case syntax.Match():
                    for case in statement.cases:
                        self._bind_locals(case.body, scope)
                case _:
                    pass

    def _bind_local(self, statement: syntax.Assign, scope: Scope) -> None:
        if statement.operator is not None:
            return
        value = self.evaluate(statement.value, scope) if statement.value is not None else Unknown()
        if isinstance(value, Unknown | Constant) and statement.annotation is not None:
            typed = self.typed(statement.annotation, scope)
            value = value if isinstance(typed, Unknown) else typed
        for target in statement.targets:
            known = scope.names.get(target.id) if isinstance(target, syntax.Name) else None
            if known is None or not isinstance(value, Unknown | Constant):
                if not isinstance(target, syntax.Attribute | syntax.Subscript):
                    self.bind(target, value, scope)
            elif isinstance(known, Constant) and isinstance(target, syntax.Name):
                # Two constants, or a constant and something unknown: neither may be taken for the value.
                scope.names[target.id] = Unknown("assigned more than once")

    def _bind_walruses(self, expression: syntax.Expr, scope: Scope) -> None:
        for node in syntax.walk(expression):
            if isinstance(node, syntax.Walrus):
                self.bind(node.target, self.evaluate(node.value, scope), scope)

    def typed(self, annotation: syntax.Expr, scope: Scope) -> Value:
        """An instance of what an annotation names; `Unknown` for a free one."""
        match annotation:
            case syntax.Constant(value=str() as text):
                parsed = parse_expression(text)
                return self.typed(parsed, scope) if parsed is not None else Unknown()
            case syntax.Constant(value=None):
                return NOTHING
            case syntax.Operation(operator="|"):
                return next((t for o in annotation.operands if (t := self.typed(o, scope)) != NOTHING), Unknown())
            case syntax.Subscript():
                return self._typed_generic(annotation, scope)
            case _:
                with self.inferring():
                    return self._typed_value(self.evaluate(annotation, scope))

    def _typed_value(self, value: Value) -> Value:
        match value:
            case ClassValue():
                return Instance(value)
            case External(name=name):
                return Unknown() if name in {"typing.Any", "object"} else Instance(value)
            case Instance(cls=External(name="typing.Annotated")) if value.args:
                return self._typed_value(value.args[0])
            case Instance(cls=External(name="typing.Optional")) if value.args:
                return self._typed_value(value.args[0])
            case Instance(site=None):
                return value
            case _:
                return Unknown()

    def _typed_generic(self, annotation: syntax.Subscript, scope: Scope) -> Value:
        with self.inferring():
            base = self.evaluate(annotation.value, scope)
        index = annotation.index
        arguments = list(index.elements) if isinstance(index, syntax.Collection) else [index]
        if isinstance(base, ClassValue):
            return Instance(base)
        if not isinstance(base, External) or not arguments:
            return Unknown()
        last = base.name.rpartition(".")[2]
        if last in {"Annotated", "Optional", "Final", "ClassVar", "Required", "Mapped"}:
            return self.typed(arguments[0], scope)
        if last in _GENERATORS:
            return self.typed(arguments[2] if last == "Coroutine" and len(arguments) == 3 else arguments[0], scope)  # noqa: PLR2004  send, yield, return
        if last == "Union":
            return next((t for a in arguments if (t := self.typed(a, scope)) != NOTHING), Unknown())
        if last in {"Type", "type"}:
            with self.inferring():
                return self.evaluate(arguments[0], scope)
        with self.inferring():
            return Instance(External(base.name), tuple(self.evaluate(a, scope) for a in arguments))


def _holds_application(value: Value) -> bool:
    match value:
        case Instance():
            return value.is_a(*COMPOSABLE) or any(
                isinstance(v, Instance) and v.is_a(*COMPOSABLE) for v in value.attributes.values()
            )
        case Listing():
            return any(isinstance(v, Instance) and v.is_a(*COMPOSABLE) for v in value.items)
        case _:
            return False


def _defines(file: SourceFile, name: str) -> bool:
    """Whether the module's own statements bind a name, at any depth outside functions."""
    pending: list[syntax.Node] = list(file.body)
    while pending:
        node = pending.pop()
        match node:
            case syntax.FunctionDef(name=found) | syntax.ClassDef(name=found):
                if found == name:
                    return True
            case syntax.Assign():
                if any(_is_name(t, name) for t in node.targets):
                    return True
            case syntax.Import():
                if any((alias or dotted.partition(".")[0]) == name for dotted, alias in node.names):
                    return True
            case syntax.Stmt() | syntax.Handler():
                pending.extend(syntax.children(node))
            case _:
                pass
    return False


def _is_name(node: syntax.Expr, name: str) -> bool:
    return isinstance(node, syntax.Name) and node.id == name


def _is_attribute_of_self(node: syntax.Expr, name: str) -> bool:
    return (
        isinstance(node, syntax.Attribute)
        and node.attr == name
        and isinstance(node.value, syntax.Name)
        and node.value.id in {"self", "cls"}
    )


def _assignments(function: syntax.FunctionDef) -> Iterator[syntax.Assign]:
    for statement in function.body:
        for node in syntax.walk(statement):
            if isinstance(node, syntax.Assign):
                yield node


def _call_at(node: syntax.Node) -> syntax.Call:
    """A decorator without parentheses is a call at its own place."""
    if isinstance(node, syntax.Call):
        return node
    return syntax.Call(
        node.start, node.end, node if isinstance(node, syntax.Expr) else syntax.Name(node.start, node.end, "?"), (), ()
    )
