"""One pass of the standard library's `ast` over one file: its syntax as plain tuples, its imports, its comments.

What comes out can be marshalled: it is cached by content and handed over by worker processes.
"""

import ast
import io
import marshal
import re
import sys
import tokenize
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from fastapi_audit.evidence.collecting import uncollected
from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.syntax import COLUMNS, TAG, Raw

VERSION = 6
"""Raised with every change of what is extracted, so that old caches are not read."""

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NEWER = f"has syntax that is newer than Python {PYTHON} and was read as older Python that means the same"

LONGEST_STRING = 4000
MOST_ELEMENTS = 2000
LARGEST = 10**300
"""Longer literals are data, not composition: they are cut. Python itself refuses to write out the longest numbers."""

LONGEST_NAME = 100
"""Parts of the name of a module. Python's parser keeps the first part, the first two, the first three …"""
_IMPORTED = [re.compile(word + rb"(?:[\w\x80-\xff \t\f.,]|\\\r?\n)+") for word in (b"import", b"from")]

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.LShift: "<<", ast.RShift: ">>", ast.BitOr: "|", ast.BitAnd: "&", ast.BitXor: "^", ast.MatMult: "@",
    ast.And: "and", ast.Or: "or", ast.Not: "not", ast.Invert: "~", ast.UAdd: "+", ast.USub: "-",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip

_COMMENT = re.compile(r"#\s*fastapi-audit:\s*(ignore(?:-file)?)(?:\[([^\]]*)\])?\s*(.*)$")

_NAME, _ATTRIBUTE = TAG[syntax.Name], TAG[syntax.Attribute]
_CALL, _CONSTANT = TAG[syntax.Call], TAG[syntax.Constant]

Facts = tuple[bytes, tuple[tuple[str, int, bool], ...], tuple[Raw, ...], str]
"""`(body, imported, comments, remark)`; `imported` is `(dotted, level, for types)` for every import in the file.

What is imported for types stands under `if TYPE_CHECKING:` only, and is not loaded when the program runs.

The body is marshalled: as tuples it takes several times the room, and much of it is never looked into."""
NO_BODY = b""


class _Noted:
    """What is noted on the one way through a file, beside what each node gives."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forgets the file before."""
        self.imports: dict[tuple[str, int], bool] = {}
        """What is imported; whether only type checkers do."""
        self.for_types = False
        """Whether what is read now stands under `if TYPE_CHECKING:`."""
        self.places: dict[int, int] = {}
        """Each place once: most nodes begin or end where another one does."""
        self.yields = False
        """Whether a `yield` was met that belongs to the function around."""


_noted = _Noted()
"""Of the file that is read: there is only one at a time in a process."""


class UnreadableError(Exception):
    """The file is not Python that this interpreter can parse; the message is one line."""


def extract(source: bytes) -> Facts:
    """The facts of one file; a file that cannot be parsed gives empty facts and the reason as `remark`."""
    _noted.begin()
    try:
        tree, source, remark = _read(source)
        body = _statements(tree.body)
    except UnreadableError as problem:
        return NO_BODY, (), (), f"cannot be parsed by Python {PYTHON}: {problem}"
    except RecursionError:
        return NO_BODY, (), (), "cannot be parsed: it is nested too deeply"
    imported = tuple(sorted((*name, for_types) for name, for_types in _noted.imports.items()))
    comments = tuple(_comments(source)) if b"fastapi-audit:" in source else ()
    return marshal.dumps(body) if body else NO_BODY, imported, comments, remark


def body_of(facts: Facts) -> tuple[Raw, ...]:
    """The statements of a file."""
    # We wrote it, or it comes from a folder that only its owner can write.
    found: tuple[Raw, ...] = marshal.loads(facts[0]) if facts[0] else ()  # noqa: S302
    return found


def _read(source: bytes) -> tuple[ast.Module, bytes, str]:
    """The tree, what it was made of, and what is to be said of it."""
    try:
        return parse(source), source, ""
    except UnreadableError as problem:
        if not isinstance(problem.__cause__, SyntaxError):
            raise
        from fastapi_audit.evidence.source import newer  # noqa: PLC0415  only such files pay for it

        with uncollected(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = newer.read(in_utf8(source).removeprefix(b"\xef\xbb\xbf"))
        if read is None:
            raise
        return *read, NEWER


def parse(source: bytes) -> ast.Module:
    """The `ast` of a file; raises `UnreadableError` with the line and the reason."""
    _refuse_endless_names(source)
    try:
        with uncollected(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as problem:
        line = f"line {problem.lineno}: " if problem.lineno else ""
        message = f"{line}{problem.msg}"
        raise UnreadableError(message) from problem
    except (ValueError, RecursionError, MemoryError) as problem:
        raise UnreadableError(str(problem) or "is nested too deeply to be read") from problem


def _refuse_endless_names(source: bytes) -> None:
    if source.count(b".") <= LONGEST_NAME:
        return
    for found in chain.from_iterable(written.finditer(source) for written in _IMPORTED):
        if any(name.count(b".") > LONGEST_NAME for name in found[0].split(b",")):
            line = source.count(b"\n", 0, found.start()) + 1
            message = f"line {line}: the name of an imported module has more than {LONGEST_NAME} parts"
            raise UnreadableError(message)


_DECLARED = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#.*?coding[:=][ \t]*(?!utf-?8)[-\w.]+", re.IGNORECASE)


def in_utf8(source: bytes) -> bytes:
    """The bytes in which `ast` counts columns: those of the file, unless it declares another encoding."""
    if not _DECLARED.match(source):
        return source
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        return source.decode(encoding).encode()
    except (SyntaxError, LookupError, ValueError):
        return source


def _comments(source: bytes) -> Iterator[Raw]:
    """`(line, column, rules, reason, whole file, alone)` of every comment that speaks to us."""
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return
    for token in tokens:
        found = _COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
        if found is None:
            continue
        rules = tuple(r.strip() for r in (found[2] or "").split(",") if r.strip())
        alone = token.line[: token.start[1]].strip() == ""
        yield token.start[0], token.start[1] + 1, rules, found[3].strip(), found[1] == "ignore-file", alone


def _at(node: ast.AST) -> tuple[int, int]:
    column: int = node.col_offset  # type: ignore[attr-defined]  # every expr and stmt has them
    end_column: int = node.end_col_offset  # type: ignore[attr-defined]  # the same
    if column >= COLUMNS or end_column >= COLUMNS:
        column, end_column = min(column, COLUMNS - 1), min(end_column, COLUMNS - 1)
    places, start, end = _noted.places, node.lineno * COLUMNS + column, node.end_lineno * COLUMNS + end_column  # type: ignore[attr-defined]  # the same
    return places.setdefault(start, start), places.setdefault(end, end)


def _statements(body: Sequence[ast.stmt]) -> tuple[Raw, ...]:
    return tuple([_STATEMENTS[type(s)](s) for s in body])


def _expressions(nodes: Sequence[ast.expr | None]) -> tuple[Raw | None, ...]:
    if not nodes:
        return ()
    return tuple([None if n is None else _EXPRESSIONS[type(n)](n) for n in nodes[:MOST_ELEMENTS]])


def _maybe(node: ast.expr | None) -> Raw | None:
    return None if node is None else _expression(node)


def _expression(node: ast.expr) -> Raw:
    return _EXPRESSIONS[type(node)](node)


def _name(node: ast.Name) -> Raw:
    start, end = _at(node)
    return (_NAME, start, end, node.id)


def _attribute(node: ast.Attribute) -> Raw:
    start, end = _at(node)
    return (_ATTRIBUTE, start, end, _EXPRESSIONS[type(node.value)](node.value), node.attr)


def _keywords(keywords: Sequence[ast.keyword]) -> tuple[Raw, ...]:
    if not keywords:
        return ()
    return tuple([(TAG[syntax.Keyword], *_at(k), k.arg, _expression(k.value)) for k in keywords])


def _call(node: ast.Call) -> Raw:
    start, end = _at(node)
    func = _EXPRESSIONS[type(node.func)](node.func)
    return (_CALL, start, end, func, _expressions(node.args), _keywords(node.keywords))


def _plain(value: object) -> object:
    """A constant that can be marshalled and compared."""
    match value:
        case str():
            if value.isascii():
                return value[:LONGEST_STRING]
            return value[:LONGEST_STRING].encode("utf-8", "replace").decode()
        case bytes():
            return value[:LONGEST_STRING]
        case int() if not -LARGEST < value < LARGEST:
            return LARGEST if value > 0 else -LARGEST
        case bool() | int() | float() | None:
            return value
        case _:
            return repr(value)


def _constant(node: ast.Constant) -> Raw:
    start, end = _at(node)
    return (_CONSTANT, start, end, _plain(node.value))


_INTERPOLATED: tuple[type[Any], ...] = (ast.FormattedValue,)
if hasattr(ast, "Interpolation"):  # of a t-string, Python 3.14
    _INTERPOLATED += (ast.Interpolation,)


def _fstring(node: ast.JoinedStr) -> Raw:
    return (TAG[syntax.FString], *_at(node), _parts(node, node.values))


def _parts(node: ast.expr, values: Sequence[ast.expr]) -> tuple[Raw, ...]:
    """The text between interpolations stands where the whole string does: before Python 3.12 it has no own place."""
    at = _at(node)
    return tuple(
        [
            (_CONSTANT, *at, _plain(v.value))
            if isinstance(v, ast.Constant)
            else _expression(v.value if isinstance(v, _INTERPOLATED) else v)
            for v in values
        ]
    )


def _formatted(node: ast.FormattedValue) -> Raw:
    return _expression(node.value)


def _template(node: ast.expr) -> Raw:
    """A t-string, Python 3.14."""
    return (TAG[syntax.FString], *_at(node), _parts(node, getattr(node, "values", [])))


def _collection(kind: str) -> Callable[[ast.List | ast.Tuple | ast.Set], Raw]:
    return lambda node: (TAG[syntax.Collection], *_at(node), kind, _expressions(node.elts))


def _dict(node: ast.Dict) -> Raw:
    return (TAG[syntax.Mapping], *_at(node), _expressions(node.keys), _expressions(node.values))


def _parameters(arguments: ast.arguments) -> tuple[Raw, ...]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    found = [("positional", a, d) for a, d in zip(positional, defaults, strict=True)]
    if arguments.vararg:
        found.append(("*", arguments.vararg, None))
    found += [("keyword", a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg:
        found.append(("**", arguments.kwarg, None))
    return tuple([(TAG[syntax.Parameter], *_at(a), a.arg, k, _maybe(a.annotation), _maybe(d)) for k, a, d in found])


def _lambda(node: ast.Lambda) -> Raw:
    around = _noted.yields
    raw = (TAG[syntax.Lambda], *_at(node), _parameters(node.args), _expression(node.body))
    _noted.yields = around
    return raw


def _comprehension(kind: str) -> Callable[[ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp], Raw]:
    def build(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Raw:
        if isinstance(node, ast.DictComp):
            elements: list[ast.expr] = [e for e in (node.key, node.value) if e is not None]
        else:
            elements = [node.elt]
        loops = tuple(
            [
                (
                    TAG[syntax.Generator],
                    *_at(g.target),
                    _expression(g.target),
                    _expression(g.iter),
                    _expressions(g.ifs),
                    bool(g.is_async),
                )
                for g in node.generators
            ]
        )
        return (TAG[syntax.Comprehension], *_at(node), kind, _expressions(elements), loops)

    return build


def _operation(node: ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.Compare) -> Raw:
    operands: list[ast.expr]
    match node:
        case ast.BinOp():
            operator, operands = _OPERATORS[type(node.op)], [node.left, node.right]
        case ast.BoolOp():
            operator, operands = _OPERATORS[type(node.op)], node.values
        case ast.UnaryOp():
            operator, operands = _OPERATORS[type(node.op)], [node.operand]
        case _:
            operator, operands = " ".join(_OPERATORS[type(o)] for o in node.ops), [node.left, *node.comparators]
    return (TAG[syntax.Operation], *_at(node), operator, _expressions(operands))


def _conditional(node: ast.IfExp) -> Raw:
    return (
        TAG[syntax.Conditional],
        *_at(node),
        _expression(node.test),
        _expression(node.body),
        _expression(node.orelse),
    )


def _subscript(node: ast.Subscript) -> Raw:
    return (TAG[syntax.Subscript], *_at(node), _expression(node.value), _expression(node.slice))


def _slice(node: ast.Slice) -> Raw:
    return (TAG[syntax.Slice], *_at(node), _expressions([node.lower, node.upper, node.step]))


def _await(node: ast.Await) -> Raw:
    return (TAG[syntax.Await], *_at(node), _expression(node.value))


def _yield(node: ast.Yield | ast.YieldFrom) -> Raw:
    _noted.yields = True
    return (TAG[syntax.Yield], *_at(node), _maybe(node.value), isinstance(node, ast.YieldFrom))


def _starred(node: ast.Starred) -> Raw:
    return (TAG[syntax.Starred], *_at(node), _expression(node.value))


def _walrus(node: ast.NamedExpr) -> Raw:
    return (TAG[syntax.Walrus], *_at(node), _expression(node.target), _expression(node.value))


def _note(imported: Sequence[tuple[str, int]]) -> None:
    for each in imported:
        _noted.imports[each] = _noted.for_types and _noted.imports.get(each, True)


def _import(node: ast.Import | ast.ImportFrom) -> Raw:
    names = tuple([(a.name, a.asname) for a in node.names])
    if isinstance(node, ast.Import):
        _note([(name, 0) for name, _ in names])
        return (TAG[syntax.Import], *_at(node), None, 0, names)
    base = node.module or ""
    _note([(base, node.level), *((f"{base}.{name}" if base else name, node.level) for name, _ in names)])
    return (TAG[syntax.Import], *_at(node), base, node.level, names)


def _assign(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Raw:
    tag, at = TAG[syntax.Assign], _at(node)
    match node:
        case ast.Assign():
            return (tag, *at, _expressions(node.targets), _expression(node.value), None, None)
        case ast.AnnAssign():
            return (tag, *at, _expressions([node.target]), _maybe(node.value), _expression(node.annotation), None)
        case _:
            return (tag, *at, _expressions([node.target]), _expression(node.value), None, _OPERATORS[type(node.op)])


def _type_alias(node: ast.stmt) -> Raw:
    name, value = node.name, node.value  # type: ignore[attr-defined]  # ast.TypeAlias, Python 3.12
    return (TAG[syntax.Assign], *_at(node), _expressions([name]), _expression(value), None, None)


def _evaluate(node: ast.Expr) -> Raw:
    return (TAG[syntax.Evaluate], *_at(node), _expression(node.value))


def _return(node: ast.Return) -> Raw:
    return (TAG[syntax.Return], *_at(node), _maybe(node.value))


def _raise(node: ast.Raise) -> Raw:
    return (TAG[syntax.Raise], *_at(node), _maybe(node.exc), _maybe(node.cause))


def _delete(node: ast.Delete) -> Raw:
    return (TAG[syntax.Delete], *_at(node), _expressions(node.targets))


def _assert(node: ast.Assert) -> Raw:
    return (TAG[syntax.Assert], *_at(node), _expression(node.test), _maybe(node.msg))


def _jump(kind: str) -> Callable[[ast.Pass | ast.Break | ast.Continue], Raw]:
    return lambda node: (TAG[syntax.Jump], *_at(node), kind)


def _declare(kind: str) -> Callable[[ast.Global | ast.Nonlocal], Raw]:
    return lambda node: (TAG[syntax.Declare], *_at(node), kind, tuple(node.names))


def _if(node: ast.If) -> Raw:
    test, body, orelse = node.test, node.body, node.orelse
    is_not = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    asked = test.operand if isinstance(test, ast.UnaryOp) and is_not else test
    if getattr(asked, "attr", getattr(asked, "id", "")) != "TYPE_CHECKING":
        return (TAG[syntax.If], *_at(node), _expression(test), _statements(body), _statements(orelse))
    around = _noted.for_types
    _noted.for_types = around or not is_not
    first = _statements(body)
    _noted.for_types = around or is_not
    second = _statements(orelse)
    _noted.for_types = around
    return (TAG[syntax.If], *_at(node), _expression(test), first, second)


def _loop(node: ast.For | ast.AsyncFor | ast.While) -> Raw:
    if isinstance(node, ast.While):
        target, over = None, node.test
    else:
        target, over = _expression(node.target), node.iter
    is_async = isinstance(node, ast.AsyncFor)
    body, orelse = _statements(node.body), _statements(node.orelse)
    return (TAG[syntax.Loop], *_at(node), is_async, target, _expression(over), body, orelse)


def _with(node: ast.With | ast.AsyncWith) -> Raw:
    items = tuple(
        [
            (TAG[syntax.WithItem], *_at(i.context_expr), _expression(i.context_expr), _maybe(i.optional_vars))
            for i in node.items
        ]
    )
    return (TAG[syntax.With], *_at(node), isinstance(node, ast.AsyncWith), items, _statements(node.body))


def _try(node: ast.Try | ast.TryStar) -> Raw:
    handlers = tuple(
        [(TAG[syntax.Handler], *_at(h), _maybe(h.type), h.name, _statements(h.body)) for h in node.handlers]
    )
    body, orelse, final = _statements(node.body), _statements(node.orelse), _statements(node.finalbody)
    return (TAG[syntax.Try], *_at(node), body, handlers, orelse, final)


def _fitting(pattern: ast.pattern) -> list[ast.expr]:
    """The values that a pattern fits, none for one that fits all; what else it asks for is a name that nobody knows."""
    match pattern:
        case ast.MatchValue(value=value):
            return [value]
        case ast.MatchSingleton(value=value):
            return [ast.copy_location(ast.Constant(value), pattern)]
        case ast.MatchAs(pattern=None):
            return []
        case ast.MatchOr(patterns=patterns):
            each = [_fitting(p) for p in patterns]
            return [value for values in each for value in values] if all(each) else []
        case _:
            inner = [n.value for n in ast.walk(pattern) if isinstance(n, ast.MatchValue)]
            return [*inner, ast.copy_location(ast.Name("_"), pattern)]


def _match(node: ast.Match) -> Raw:
    cases = []
    for case in node.cases:
        values = _fitting(case.pattern)
        body = _statements(case.body)
        cases.append((TAG[syntax.Case], *_at(case.pattern), _expressions(values), _maybe(case.guard), body))
    return (TAG[syntax.Match], *_at(node), _expression(node.subject), tuple(cases))


def _class(node: ast.ClassDef) -> Raw:
    around = _noted.yields
    bases, keywords, decorators = _expressions(node.bases), _keywords(node.keywords), _expressions(node.decorator_list)
    raw = (TAG[syntax.ClassDef], *_at(node), node.name, bases, keywords, decorators, _statements(node.body))
    _noted.yields = around
    return raw


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Raw:
    first = node.body[0]
    decorators: list[ast.expr] = getattr(first, "decorator_list", [])
    begin = min([first.lineno, *(d.lineno for d in decorators)])
    header_end = begin * COLUMNS + (first.col_offset if begin == first.lineno else 0)
    around, _noted.yields = _noted.yields, False
    body = _statements(node.body)
    yields = _noted.yields
    raw = (
        TAG[syntax.FunctionDef],
        *_at(node),
        node.name,
        isinstance(node, ast.AsyncFunctionDef),
        yields,
        _parameters(node.args),
        _maybe(node.returns),
        _expressions(node.decorator_list),
        header_end,
        body,
    )
    _noted.yields = around
    return raw


_Build = Callable[..., Raw]

_EXPRESSIONS: dict[type[ast.AST], _Build] = {
    ast.Name: _name, ast.Attribute: _attribute, ast.Call: _call, ast.Constant: _constant, ast.JoinedStr: _fstring,
    ast.FormattedValue: _formatted, ast.List: _collection("list"), ast.Tuple: _collection("tuple"),
    ast.Set: _collection("set"), ast.Dict: _dict, ast.Lambda: _lambda, ast.ListComp: _comprehension("list"),
    ast.SetComp: _comprehension("set"), ast.DictComp: _comprehension("dict"),
    ast.GeneratorExp: _comprehension("generator"), ast.BinOp: _operation, ast.BoolOp: _operation,
    ast.UnaryOp: _operation, ast.Compare: _operation, ast.IfExp: _conditional, ast.Subscript: _subscript,
    ast.Slice: _slice, ast.Await: _await, ast.Yield: _yield, ast.YieldFrom: _yield, ast.Starred: _starred,
    ast.NamedExpr: _walrus,
}  # fmt: skip

_STATEMENTS: dict[type[ast.AST], _Build] = {
    ast.Import: _import, ast.ImportFrom: _import, ast.Assign: _assign, ast.AnnAssign: _assign, ast.AugAssign: _assign,
    ast.Expr: _evaluate, ast.Return: _return, ast.Raise: _raise, ast.Delete: _delete, ast.Assert: _assert,
    ast.Pass: _jump("pass"), ast.Break: _jump("break"), ast.Continue: _jump("continue"),
    ast.Global: _declare("global"), ast.Nonlocal: _declare("nonlocal"), ast.If: _if, ast.For: _loop,
    ast.AsyncFor: _loop, ast.While: _loop, ast.With: _with, ast.AsyncWith: _with, ast.Try: _try, ast.TryStar: _try,
    ast.Match: _match, ast.ClassDef: _class, ast.FunctionDef: _function, ast.AsyncFunctionDef: _function,
}  # fmt: skip

# Syntax that a newer interpreter knows: its `ast` has the classes, ours may not.
for _later, _how in (("TypeAlias", _type_alias),):
    if hasattr(ast, _later):
        _STATEMENTS[getattr(ast, _later)] = _how
if hasattr(ast, "TemplateStr"):
    _EXPRESSIONS[ast.TemplateStr] = _template


def expression(text: str) -> syntax.Expr | None:
    """The syntax of one expression written in a string, such as a quoted annotation."""
    try:
        tree = ast.parse(text[:LONGEST_STRING].strip(), mode="eval")
        found = syntax.decode(_expression(tree.body))
    except (SyntaxError, ValueError, RecursionError, MemoryError, KeyError):
        return None
    return found if isinstance(found, syntax.Expr) else None
