"""The typed syntax of one file: small nodes, decoded from the plain tuples that `facts` writes.

A raw node is `(tag, start, end, *fields)`. `start` and `end` pack a place as `line * COLUMNS + byte column`.
The body of a function stays raw until somebody asks for it: most functions of a program are never looked into.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

Raw = tuple[Any, ...]
COLUMNS = 1 << 16


@dataclass(slots=True, eq=False)
class Node:
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


@dataclass(slots=True, eq=False)
class Expr(Node):
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
        return min([d.line for d in self.decorators] + [self.line])


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


def _fields(cls: type[Node]) -> "zip[tuple[str, str]]":
    names: tuple[str, ...] = cls.__match_args__[2:]
    return zip(cls.fields, names, strict=False)


_BELOW: dict[type[Node], tuple[tuple[str, bool], ...]] = {
    cls: tuple([(name, kind == "m") for kind, name in _fields(cls) if kind != "v"]) for cls in CLASSES
}
"""The fields of each class that hold nodes, and whether one holds many."""
_PLAIN = frozenset(tag for tag, cls in enumerate(CLASSES) if set(cls.fields) <= {"v"})
"""The tags of classes that hold no nodes."""


def decode(raw: Raw) -> Any:  # the caller knows what stands there
    """The typed node of a raw one; function bodies stay raw inside."""
    tag = raw[0]
    cls: type[Node] = CLASSES[tag]
    if tag in _PLAIN:
        return cls(*raw[1:])
    values: list[Any] = []
    for kind, value in zip(cls.fields, raw[3:], strict=True):
        if kind == "v" or value is None:
            values.append(value)
        elif kind == "n":
            values.append(decode(value))
        else:
            values.append(tuple([v if v is None else decode(v) for v in value]))
    return cls(raw[1], raw[2], *values)


def children(node: Node) -> list[Node]:
    """The direct children of a node, in source order; a function's body counts, decoded."""
    if isinstance(node, FunctionDef):
        returns = () if node.returns is None else (node.returns,)
        return [*node.decorators, *node.parameters, *returns, *node.body]
    found: list[Node] = []
    if isinstance(node, Mapping):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                found.append(key)
            found.append(value)
        return found
    for name, many in _BELOW[type(node)]:
        value = getattr(node, name)
        if many:
            found += [v for v in value if v is not None]
        elif value is not None:
            found.append(value)
    return found


def walk(node: Node, *, into_functions: bool = False) -> Iterator[Node]:
    """The node and everything below it, in source order; nested functions, lambdas and classes only when asked."""
    stack = [node]
    first = True
    while stack:
        current = stack.pop()
        yield current
        if not first and not into_functions and isinstance(current, FunctionDef | Lambda | ClassDef):
            continue
        first = False
        below = children(current)
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
