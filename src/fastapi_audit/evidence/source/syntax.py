"""The typed syntax of one file: small nodes, decoded from the plain tuples that `facts` writes.

A raw node is `(tag, start, end, *fields)`. `start` and `end` pack a place as `line * COLUMNS + byte column`.
The body of a function stays raw until somebody asks for it: most functions of a program are never looked into.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

Raw = tuple[Any, ...]
COLUMNS = 1 << 16


@dataclass(slots=True, eq=False)
class _Spanning:
    """What every node has; `fields` says how each further field is stored: node, many nodes, or a plain value."""

    fields: ClassVar[str] = ""
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.start // COLUMNS

    @property
    def byte_column(self) -> int:
        return self.start % COLUMNS


class Node(_Spanning):
    """A node, with room for the one around it; whoever walks a body fills that in, which spares a dict for each."""

    __slots__ = ("around",)
    around: "Node"


class _Asked(Node):
    """Room for what it stands for in the scope that it was asked in first, which is the only one as a rule."""

    __slots__ = ("answer", "asked_in")
    asked_in: object
    answer: Any


@dataclass(slots=True, eq=False)
class Expr(_Asked):
    """An expression."""


@dataclass(slots=True, eq=False)
class Stmt(Node):
    """A statement."""


@dataclass(slots=True, eq=False)
class Name(Expr):
    fields: ClassVar[str] = "v"
    id: str


@dataclass(slots=True, eq=False)
class Attribute(Expr):
    fields: ClassVar[str] = "nv"
    value: Expr
    attr: str


@dataclass(slots=True, eq=False)
class Keyword(Node):
    fields: ClassVar[str] = "vn"
    name: str | None
    """`None` for `**value`."""
    value: Expr


@dataclass(slots=True, eq=False)
class Call(Expr):
    fields: ClassVar[str] = "nmm"
    func: Expr
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]


@dataclass(slots=True, eq=False)
class Constant(Expr):
    fields: ClassVar[str] = "v"
    value: object


@dataclass(slots=True, eq=False)
class FString(Expr):
    """Literal parts are constants; every other part is interpolated."""

    fields: ClassVar[str] = "m"
    parts: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Collection(Expr):
    fields: ClassVar[str] = "vm"
    kind: str
    """`list`, `tuple` or `set`."""
    elements: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Mapping(Expr):
    """A key that is not a node stands for `**value`."""

    fields: ClassVar[str] = "mm"
    keys: tuple[Expr | None, ...]
    values: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Parameter(Node):
    fields: ClassVar[str] = "vvnn"
    name: str
    kind: str
    """`positional`, `keyword`, `*` or `**`."""
    annotation: Expr | None
    default: Expr | None


@dataclass(slots=True, eq=False)
class Lambda(Expr):
    fields: ClassVar[str] = "mn"
    parameters: tuple[Parameter, ...]
    body: Expr


@dataclass(slots=True, eq=False)
class Generator(Node):
    """One `for … in … if …` of a comprehension."""

    fields: ClassVar[str] = "nnmv"
    target: Expr
    iterable: Expr
    conditions: tuple[Expr, ...]
    is_async: bool


@dataclass(slots=True, eq=False)
class Comprehension(Expr):
    fields: ClassVar[str] = "vmm"
    kind: str
    """`list`, `set`, `dict` or `generator`."""
    elements: tuple[Expr, ...]
    generators: tuple[Generator, ...]


@dataclass(slots=True, eq=False)
class Operation(Expr):
    """Unary, binary, boolean and comparing operators by their symbol; a chained comparison joins them by spaces."""

    fields: ClassVar[str] = "vm"
    operator: str
    operands: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Conditional(Expr):
    fields: ClassVar[str] = "nnn"
    test: Expr
    body: Expr
    orelse: Expr


@dataclass(slots=True, eq=False)
class Subscript(Expr):
    fields: ClassVar[str] = "nn"
    value: Expr
    index: Expr


@dataclass(slots=True, eq=False)
class Slice(Expr):
    fields: ClassVar[str] = "m"
    bounds: tuple[Expr | None, ...]


@dataclass(slots=True, eq=False)
class Await(Expr):
    fields: ClassVar[str] = "n"
    value: Expr


@dataclass(slots=True, eq=False)
class Yield(Expr):
    fields: ClassVar[str] = "nv"
    value: Expr | None
    delegates: bool


@dataclass(slots=True, eq=False)
class Starred(Expr):
    fields: ClassVar[str] = "n"
    value: Expr


@dataclass(slots=True, eq=False)
class Walrus(Expr):
    fields: ClassVar[str] = "nn"
    target: Expr
    value: Expr


@dataclass(slots=True, eq=False)
class Import(Stmt):
    """`module` is `None` for `import a.b as c`; a name is `(dotted, alias or None)`."""

    fields: ClassVar[str] = "vvv"
    module: str | None
    level: int
    names: tuple[tuple[str, str | None], ...]


@dataclass(slots=True, eq=False)
class Assign(Stmt):
    """Also annotated and augmented assignment."""

    fields: ClassVar[str] = "mnnv"
    targets: tuple[Expr, ...]
    value: Expr | None
    annotation: Expr | None
    operator: str | None


@dataclass(slots=True, eq=False)
class Evaluate(Stmt):
    """An expression as a statement."""

    fields: ClassVar[str] = "n"
    value: Expr


@dataclass(slots=True, eq=False)
class Return(Stmt):
    fields: ClassVar[str] = "n"
    value: Expr | None


@dataclass(slots=True, eq=False)
class Raise(Stmt):
    fields: ClassVar[str] = "nn"
    value: Expr | None
    cause: Expr | None


@dataclass(slots=True, eq=False)
class Delete(Stmt):
    fields: ClassVar[str] = "m"
    targets: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Assert(Stmt):
    fields: ClassVar[str] = "nn"
    test: Expr
    message: Expr | None


@dataclass(slots=True, eq=False)
class Jump(Stmt):
    fields: ClassVar[str] = "v"
    kind: str
    """`pass`, `break` or `continue`."""


@dataclass(slots=True, eq=False)
class Declare(Stmt):
    fields: ClassVar[str] = "vv"
    kind: str
    """`global` or `nonlocal`."""
    names: tuple[str, ...]


@dataclass(slots=True, eq=False)
class If(Stmt):
    fields: ClassVar[str] = "nmm"
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


@dataclass(slots=True, eq=False)
class Loop(Stmt):
    """`for target in iterable` or, with no target, `while iterable`."""

    fields: ClassVar[str] = "vnnmm"
    is_async: bool
    target: Expr | None
    iterable: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


@dataclass(slots=True, eq=False)
class WithItem(Node):
    fields: ClassVar[str] = "nn"
    value: Expr
    target: Expr | None


@dataclass(slots=True, eq=False)
class With(Stmt):
    fields: ClassVar[str] = "vmm"
    is_async: bool
    items: tuple[WithItem, ...]
    body: tuple[Stmt, ...]


@dataclass(slots=True, eq=False)
class Handler(Node):
    fields: ClassVar[str] = "nvm"
    type: Expr | None
    name: str | None
    body: tuple[Stmt, ...]


@dataclass(slots=True, eq=False)
class Try(Stmt):
    fields: ClassVar[str] = "mmmm"
    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Stmt, ...]
    final: tuple[Stmt, ...]


@dataclass(slots=True, eq=False)
class Case(Node):
    fields: ClassVar[str] = "mnm"
    values: tuple[Expr, ...]
    guard: Expr | None
    body: tuple[Stmt, ...]


@dataclass(slots=True, eq=False)
class Match(Stmt):
    fields: ClassVar[str] = "nm"
    subject: Expr
    cases: tuple[Case, ...]


@dataclass(slots=True, eq=False)
class ClassDef(Stmt):
    fields: ClassVar[str] = "vmmmm"
    name: str
    bases: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    decorators: tuple[Expr, ...]
    body: tuple[Stmt, ...]


@dataclass(slots=True, eq=False)
class FunctionDef(Stmt):
    fields: ClassVar[str] = "vvvmnmvv"
    name: str
    is_async: bool
    is_generator: bool
    parameters: tuple[Parameter, ...]
    returns: Expr | None
    decorators: tuple[Expr, ...]
    header_end: int
    """Where the signature ends and the body begins, packed like `start`."""
    stored: tuple[Any, ...]
    """The body, raw until it is asked for."""
    _decoded: bool = False

    @property
    def body(self) -> "tuple[Stmt, ...]":
        if not self._decoded:
            self.stored = tuple([decode(raw) for raw in self.stored])
            self._decoded = True
        return self.stored

    @property
    def first_line(self) -> int:
        """The line of the first decorator, or of `def`."""
        return self.decorators[0].line if self.decorators else self.line


CLASSES: tuple[type[Node], ...] = (
    Name,
    Attribute,
    Keyword,
    Call,
    Constant,
    FString,
    Collection,
    Mapping,
    Parameter,
    Lambda,
    Generator,
    Comprehension,
    Operation,
    Conditional,
    Subscript,
    Slice,
    Await,
    Yield,
    Starred,
    Walrus,
    Import,
    Assign,
    Evaluate,
    Return,
    Raise,
    Delete,
    Assert,
    Jump,
    Declare,
    If,
    Loop,
    WithItem,
    With,
    Handler,
    Try,
    Case,
    Match,
    ClassDef,
    FunctionDef,
)
TAG: dict[type[Node], int] = {cls: tag for tag, cls in enumerate(CLASSES)}


_PLAIN = frozenset(tag for tag, cls in enumerate(CLASSES) if set(cls.fields) <= {"v"})
"""The tags of classes that hold no nodes."""
_INNER: tuple[tuple[tuple[int, bool], ...], ...] = tuple(
    [tuple([(at, kind == "m") for at, kind in enumerate(cls.fields, 2) if kind != "v"]) for cls in CLASSES]
)
"""By tag: where nodes stand among the values of a class, and whether there are many."""
LEAVES: frozenset[type[Node]] = frozenset(CLASSES[tag] for tag in _PLAIN)
"""The classes that hold no nodes."""
KIND: dict[type[Node], str] = {cls: cls.__name__.lower() for cls in CLASSES}
"""What rules call the classes."""


def decode(raw: Raw) -> Any:  # the caller knows what stands there
    """The typed node of a raw one; function bodies stay raw inside."""
    tag, *values = raw
    for at, many in _INNER[tag]:
        value = values[at]
        if value is None:
            continue
        if many:
            values[at] = tuple([v if v is None else decode(v) for v in value])
        else:
            values[at] = decode(value)
    return CLASSES[tag](*values)


def children(node: Node) -> list[Node]:
    """The direct children of a node, in source order; a function's body counts, decoded."""
    return _CHILDREN[type(node)](node)


def _of_mapping(node: Mapping) -> list[Node]:
    found: list[Node] = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is not None:
            found.append(key)
        found.append(value)
    return found


def _known(*nodes: Node | None) -> list[Node]:
    return [node for node in nodes if node is not None]


_APART: frozenset[type[Node]] = frozenset({FunctionDef, Lambda, ClassDef})

_CHILDREN: dict[type[Node], Callable[[Any], list[Node]]] = {
    **dict.fromkeys(LEAVES, lambda _: []),
    **dict.fromkeys([Keyword, Evaluate, Await, Starred], lambda n: [n.value]),
    Attribute: lambda n: [n.value],
    Call: lambda n: [n.func, *n.args, *n.keywords],
    FString: lambda n: [*n.parts],
    Collection: lambda n: [*n.elements],
    Mapping: _of_mapping,
    Parameter: lambda n: _known(n.annotation, n.default),
    Lambda: lambda n: [*n.parameters, n.body],
    Generator: lambda n: [n.target, n.iterable, *n.conditions],
    Comprehension: lambda n: [*n.elements, *n.generators],
    Operation: lambda n: [*n.operands],
    Conditional: lambda n: [n.test, n.body, n.orelse],
    Subscript: lambda n: [n.value, n.index],
    Slice: lambda n: _known(*n.bounds),
    Yield: lambda n: _known(n.value),
    Walrus: lambda n: [n.target, n.value],
    Assign: lambda n: [*n.targets, *_known(n.value, n.annotation)],
    Return: lambda n: _known(n.value),
    Raise: lambda n: _known(n.value, n.cause),
    Delete: lambda n: [*n.targets],
    Assert: lambda n: _known(n.test, n.message),
    If: lambda n: [n.test, *n.body, *n.orelse],
    Loop: lambda n: [*_known(n.target), n.iterable, *n.body, *n.orelse],
    WithItem: lambda n: _known(n.value, n.target),
    With: lambda n: [*n.items, *n.body],
    Handler: lambda n: [*_known(n.type), *n.body],
    Try: lambda n: [*n.body, *n.handlers, *n.orelse, *n.final],
    Case: lambda n: [*n.values, *_known(n.guard), *n.body],
    Match: lambda n: [n.subject, *n.cases],
    ClassDef: lambda n: [*n.bases, *n.keywords, *n.decorators, *n.body],
    FunctionDef: lambda n: [*n.decorators, *n.parameters, *_known(n.returns), *n.body],
}


def walk(node: Node, *, into_functions: bool = False) -> Iterator[Node]:
    """The node and everything below it, in source order; nested functions, lambdas and classes only when asked."""
    yield node
    stack = _CHILDREN[type(node)](node)
    stack.reverse()
    while stack:
        current = stack.pop()
        yield current
        kind = type(current)
        if kind in LEAVES or (kind in _APART and not into_functions):
            continue
        below = _CHILDREN[kind](current)
        below.reverse()
        stack += below


def dotted(node: Node | None) -> str | None:
    """`a.b.c` as written, or `None` for anything that is not a plain chain of names."""
    parts: list[str] = []
    while isinstance(node, Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, Name):
        return None
    return ".".join([node.id, *reversed(parts)])
