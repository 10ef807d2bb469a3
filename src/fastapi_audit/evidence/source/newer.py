"""Reads Python that is newer than the interpreter: rewritten in older words, each at its place, and parsed then.

tree-sitter knows type parameters and `type` statements (3.12), f-strings that nest (3.12), t-strings and `except A, B`
(3.14). Nothing is moved: what has no older words becomes spaces, so that lines and columns are those of the file.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ast_grep_py import SgNode, SgRoot

Place = tuple[int, int]
"""The line from 1 and the column from 0 in bytes, as `ast` has them."""

_LETTERS = "bBfFrRtTuU"
"""What a string may begin with, before its quotes."""
_NO_EXPRESSION = frozenset({"{", "}", "=", "comment", "type_conversion", "format_specifier"})


def read(source: bytes) -> tuple[ast.Module, bytes] | None:
    """The `ast` of UTF-8 that this interpreter refuses, and what was parsed; `None` when nothing in it is newer."""
    try:
        rewriting = _Rewriting(source.decode())
        older = "".join(rewriting.written)
        if older == rewriting.text:
            return None
        tree = ast.parse(older)
    except (SyntaxError, ValueError):
        return None
    restored: ast.Module = _Restoring(rewriting).visit(tree)
    return restored, older.encode()


@dataclass(slots=True)
class _Rewriting:
    """A text, and what is written for each of its characters: as many bytes as it has."""

    text: str
    written: list[str] = field(init=False)
    literals: dict[Place, list[tuple[Place, str]]] = field(default_factory=dict)
    """By the place of a string that became a list, what stands between its interpolations."""
    aliases: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """By the place of a `type` statement in the line of its name, the columns of that name."""
    handlers: set[int] = field(default_factory=set)
    """The lines of `except A, B`."""

    def __post_init__(self) -> None:
        self.written = list(self.text)
        root = SgRoot(self.text, "python").root()
        for node in root.find_all(kind="type_parameter"):
            if _kind(node.parent()) in ("function_definition", "class_definition"):
                self._blank(*_span(node))
        for node in root.find_all(kind="type_alias_statement"):
            self._assign(node)
        for node in root.find_all(kind="except_clause"):
            self._join(node)
        strings = [node for kind in ("concatenated_string", "string") for node in root.find_all(kind=kind)]
        for node in sorted(strings, key=lambda n: (_span(n)[0], -_span(n)[1])):
            self._list(node)

    def _blank(self, start: int, end: int, *, in_brackets: bool = False) -> None:
        for number in range(start, end):
            character = self.text[number]
            if character not in "\r\n":
                self.written[number] = " " * len(character.encode("utf-8", "surrogatepass"))
            elif not in_brackets and number > start and self.text[number - 1] not in "\r\n":
                self.written[number - 1] = self.written[number - 1][:-1] + "\\"

    def _assign(self, alias: SgNode) -> None:
        """`type X[T] = …` becomes `X = …`."""
        equals = next((child for child in alias.children() if child.kind() == "="), None)
        name = alias.find(kind="identifier")
        if equals is None or name is None:
            return
        start, end = _span(alias)[0], _span(equals)[0]
        self._blank(start, end)
        self.written[start : start + len(name.text())] = name.text()
        (line, column), (_, end_column) = map(self._place, _span(name))
        if self._place(start)[0] == line:
            self.aliases[self._place(start)] = column, end_column

    def _join(self, clause: SgNode) -> None:
        """`except A, B` becomes `except A| B`."""
        for child in clause.children():
            if child.kind() == ",":
                self.written[_span(child)[0]] = "|"
                self.handlers.add(self._place(_span(clause)[0])[0])

    def _list(self, node: SgNode) -> None:
        """A string that is newer becomes a list of its interpolations, with room where its other text was."""
        start, end = _span(node)
        joined = node.kind() == "concatenated_string"
        # What was blanked stays so, and the parts of a concatenation are rewritten with it.
        if self.written[start] != self.text[start] or (not joined and _kind(node.parent()) == "concatenated_string"):
            return
        if _parses(node.text()):
            return
        self._blank(start, end, in_brackets=True)
        self.written[start], self.written[end - 1] = "[", "]"
        literals = self.literals.setdefault(self._place(start), [])
        for part in node.children() if joined else [node]:
            for child in part.children():
                if child.kind() == "interpolation":
                    self._keep(child)
                elif child.kind() == "string_content":
                    literals.append((self._place(_span(child)[0]), _meant(child.text(), part)))

    def _keep(self, interpolation: SgNode) -> None:
        for child in interpolation.children():
            start, end = _span(child)
            if child.kind() not in _NO_EXPRESSION:
                self.written[start:end] = self.text[start:end]
            elif child.kind() == "}":
                self.written[start] = ","

    def _place(self, index: int) -> Place:
        line = self.text.rfind("\n", 0, index) + 1
        return self.text.count("\n", 0, index) + 1, len(self.text[line:index].encode("utf-8", "surrogatepass"))


class _Restoring(ast.NodeTransformer):
    """Makes of the tree of the older words what a newer interpreter would have made."""

    def __init__(self, rewriting: _Rewriting) -> None:
        self._rewriting = rewriting

    def visit_List(self, node: ast.List) -> ast.expr:
        self.generic_visit(node)
        literals = self._rewriting.literals.get((node.lineno, node.col_offset))
        if literals is None:
            return node
        parts: list[tuple[Place, ast.expr]] = [((each.lineno, each.col_offset), each) for each in node.elts]
        parts += [(place, ast.copy_location(ast.Constant(text), node)) for place, text in literals]
        return ast.copy_location(ast.JoinedStr([part for _, part in sorted(parts, key=lambda part: part[0])]), node)

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        self.generic_visit(node)
        columns = self._rewriting.aliases.get((node.lineno, node.col_offset))
        if columns is not None:
            node.targets[0].col_offset, node.targets[0].end_col_offset = columns
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        if node.type is not None and node.lineno in self._rewriting.handlers:
            node.type = ast.copy_location(ast.Tuple(list(_operands(node.type)), ast.Load()), node.type)
        return node


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _operands(node.left)
        yield node.right
    else:
        yield node


def _meant(text: str, string: SgNode) -> str:
    """The characters that stand for themselves in a string with interpolations, without the escapes of its kind."""
    opening = next((child.text() for child in string.children() if child.kind() == "string_start"), "")
    prefix, quotes = opening.rstrip("'\""), opening.lstrip(_LETTERS)
    raw = "r" if "r" in prefix.lower() else ""
    single = text.replace("{{", "{").replace("}}", "}")
    try:
        meant: str = ast.literal_eval(f"{raw}{quotes}{single}{quotes}")
    except (SyntaxError, ValueError):
        return single
    return meant


def _parses(text: str) -> bool:
    try:
        ast.parse(f"({text}\n)")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _span(node: SgNode) -> tuple[int, int]:
    place = node.range()
    return place.start.index, place.end.index


def _kind(node: SgNode | None) -> str:
    return "" if node is None else node.kind()
