"""What a name stands for: the values of the abstract evaluation that reads a program without running it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.libraries import CACHES
from fastapi_audit.evidence.source.modules import SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(slots=True, eq=False)
class Scope:
    """The names of a module, class or function while it is read."""

    file: SourceFile
    parent: "Scope | None" = None
    names: "dict[str, Value]" = field(default_factory=dict)
    function: "FunctionValue | None" = None
    is_class: bool = False

    @property
    def module(self) -> "Scope":
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def lookup(self, name: str) -> "Value | None":
        scope: Scope | None = self
        first = True
        while scope is not None:
            if (first or not scope.is_class) and name in scope.names:
                return scope.names[name]
            scope, first = scope.parent, False
        return None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that only running the program would tell."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal, or what a literal default leads to."""

    value: object
    is_default: bool = False
    """Whether it came from a default of a setting, which the environment may replace."""


@dataclass(slots=True, eq=False)
class Listing:
    """A list, tuple or set whose members are known; `open_ended` when more may have been added."""

    kind: str
    items: "list[Value]"
    open_ended: bool = False
    uncertain: set[int] = field(default_factory=set)
    """`id` of the items that were added under a condition."""

    @classmethod
    def distinct(cls, items: "Iterable[Value]", *, open_ended: bool = False) -> "Listing":
        """A set, which has what is known to be equal once."""
        known: dict[object, Value] = {}
        for item in items:
            is_plain = isinstance(item, External) or (isinstance(item, Constant) and isinstance(item.value, str | int))
            known.setdefault(item if is_plain else id(item), item)
        return cls("set", list(known.values()), open_ended)


@dataclass(slots=True, eq=False)
class Table:
    """A dict whose keys are literals."""

    items: "dict[object, Value]"
    open_ended: bool = False

    @classmethod
    def of(cls, named: "Mapping[str, Value]") -> "Table":
        """A table of keyword arguments."""
        items: dict[object, Value] = {}
        items.update(named)
        return cls(items)


@dataclass(frozen=True, slots=True)
class External:
    """A module, function or class of another distribution, by its canonical dotted name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ModuleValue:
    """A module of the program; `file` is `None` for a folder without `__init__.py`."""

    name: str
    file: SourceFile | None


@dataclass(slots=True, eq=False)
class FunctionValue:
    """A function or lambda of the program, bound to `receiver` when it was looked up on an instance."""

    node: syntax.FunctionDef | syntax.Lambda
    scope: Scope
    owner: "ClassValue | None" = None
    receiver: "Value | None" = None
    decorators: "tuple[Value, ...]" = ()
    """The values of its decorators, first written first."""

    @property
    def file(self) -> SourceFile:
        return self.scope.file

    @property
    def name(self) -> str:
        return self.node.name if isinstance(self.node, syntax.FunctionDef) else "<lambda>"

    @property
    def qualified_name(self) -> str:
        """`module.Class.method` or `module.outer.<locals>.inner`."""
        return f"{_prefix(self.scope, self.owner)}.{self.name}"

    def bound(self, receiver: "Value") -> "FunctionValue":
        return FunctionValue(self.node, self.scope, self.owner, receiver, self.decorators)

    @property
    def is_cached(self) -> bool:
        """Whether a cache of the standard library answers for it when it is called with the same again."""
        made = (d.cls if isinstance(d, Instance) else d for d in self.decorators)
        return any(isinstance(d, External) and d.name.removesuffix("()") in CACHES for d in made)

    def is_decorated(self, *names: str) -> bool:
        return any(isinstance(d, External) and d.name in names for d in self.decorators)


MOST_ANCESTORS = 500
"""Classes that one descends from; what has more is not written by people, and takes quadratic time."""


@dataclass(slots=True, eq=False)
class ClassValue:
    """A class of the program."""

    node: syntax.ClassDef
    scope: Scope
    """Where it was defined."""
    body: Scope
    """Its own names."""
    bases: "tuple[Value, ...]"
    owner: "ClassValue | None" = None
    decorators: "tuple[Value, ...]" = ()
    _ancestry: "tuple[ClassValue | External, ...]" = ()
    _externals: frozenset[str] | None = None

    @property
    def file(self) -> SourceFile:
        return self.scope.file

    @property
    def qualified_name(self) -> str:
        return f"{_prefix(self.scope, self.owner)}.{self.node.name}"

    def ancestry(self) -> "tuple[ClassValue | External, ...]":
        """The class and its bases, nearest first, each once."""
        if not self._ancestry:
            self._ancestry = tuple(self._descent())
        return self._ancestry

    def _descent(self) -> "Iterator[ClassValue | External]":
        seen: set[int | str] = set()
        pending: list[Value] = [self]
        while pending and len(seen) < MOST_ANCESTORS:
            current = pending.pop()
            if isinstance(current, ClassValue) and id(current) not in seen:
                seen.add(id(current))
                yield current
                pending.extend(reversed(current.bases))
            elif isinstance(current, External) and current.name not in seen:
                seen.add(current.name)
                yield current

    def externals(self) -> frozenset[str]:
        """The dotted names of the foreign classes it descends from."""
        if self._externals is None:
            self._externals = frozenset(c.name for c in self.ancestry() if isinstance(c, External))
        return self._externals

    def lookup(self, name: str) -> "Value | None":
        for cls in self.ancestry():
            if isinstance(cls, ClassValue) and name in cls.body.names:
                return cls.body.names[name]
        return None


def _prefix(scope: Scope, owner: ClassValue | None) -> str:
    if owner is not None:
        return owner.qualified_name
    if scope.function is not None:
        return f"{scope.function.qualified_name}.<locals>"
    return scope.file.name


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Where a call was written."""

    file: SourceFile
    node: syntax.Call
    scope: Scope


@dataclass(slots=True, eq=False)
class Instance:
    """What calling a class or a foreign function made, or a parameter whose annotation names the class."""

    cls: "ClassValue | External"
    args: "tuple[Value, ...]" = ()
    keywords: "dict[str, Value]" = field(default_factory=dict)
    site: Site | None = None
    """Where it was made; `None` when only its type is known."""
    attributes: "dict[str, Value]" = field(default_factory=dict)
    registrations: "list[Registration]" = field(default_factory=list)
    """What was registered on it when it is an application or a router, in order."""

    @property
    def type_name(self) -> str:
        return self.cls.name if isinstance(self.cls, External) else self.cls.qualified_name

    def is_a(self, *names: str) -> bool:
        if isinstance(self.cls, External):
            return self.cls.name in names
        return not self.cls.externals().isdisjoint(names)

    def argument(self, name: str, position: int | None = None) -> "Value | None":
        if name in self.keywords:
            return self.keywords[name]
        if position is not None and position < len(self.args):
            return self.args[position]
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method of an instance whose code is not in the program."""

    receiver: Instance
    name: str

    @property
    def dotted(self) -> str:
        base = self.receiver.cls
        if isinstance(base, ClassValue):
            foreign = next((c.name for c in base.ancestry() if isinstance(c, External)), None)
            return f"{foreign or base.qualified_name}.{self.name}"
        return f"{base.name}.{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """`functools.partial(target, …)`."""

    target: "Value"
    args: "tuple[Value, ...]"
    keywords: "dict[str, Value]"


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """`super()` inside a method."""

    receiver: "Value"
    after: ClassValue


@dataclass(frozen=True, slots=True, eq=False)
class Registrar:
    """A decorator in waiting: `app.get("/x")`, `app.exception_handler(E)`, `app.middleware("http")`."""

    target: Instance
    method: str
    args: "tuple[Value, ...]"
    keywords: "dict[str, Value]"
    site: Site


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """One thing registered on an application or a router, in the order of the program."""

    method: str
    """The method it was registered with: `get`, `include_router`, `add_middleware` …"""
    args: "tuple[Value, ...]"
    keywords: "dict[str, Value]"
    site: Site
    handler: "Value | None" = None
    """The decorated function."""
    conditions: tuple[str, ...] = ()
    """The source of every condition it stands under."""
    stage: str = "import"
    """`import`, `lifespan` or `startup`: when the program reaches it."""

    def argument(self, name: str, position: int | None = None) -> "Value | None":
        if name in self.keywords:
            return self.keywords[name]
        if position is not None and position < len(self.args):
            return self.args[position]
        return None


Value: TypeAlias = (
    Unknown
    | Constant
    | Listing
    | Table
    | External
    | ModuleValue
    | FunctionValue
    | ClassValue
    | Instance
    | Method
    | Partial
    | Super
    | Registrar
)

NOTHING = Constant(None)


def dotted_name(value: Value | None) -> str | None:
    """The dotted name by which a rule knows a value: `requests.get`, `redis.Redis.get`, `app.db.get_session`."""
    match value:
        case External():
            return value.name
        case FunctionValue() | ClassValue():
            return value.qualified_name
        case Method():
            return value.dotted
        case Instance():
            return value.type_name
        case ModuleValue():
            return value.name
        case _:
            return None


MOST_VALUES, DEEPEST_VALUE = 20_000, 50
"""A program may put a list into itself, or twice into another one again and again: what is larger is not known."""


def literal(value: Value | None) -> object:
    """The Python constant of a value; lists and tables of constants too; `...` when it is not known."""
    return value.value if isinstance(value, Constant) else _literal(value, iter(range(MOST_VALUES)), 0)


def _literal(value: Value | None, room: "Iterator[int]", depth: int) -> object:
    if next(room, None) is None or depth > DEEPEST_VALUE:
        return ...
    match value:
        case Constant():
            return value.value
        case Listing(items=items, open_ended=False):
            found = [_literal(i, room, depth + 1) for i in items]
            return ... if ... in found else found
        case Table(items=entries, open_ended=False):
            known = {k: _literal(v, room, depth + 1) for k, v in entries.items()}
            return ... if ... in known.values() else known
        case _:
            return ...
