"""Reads Python that is newer than the interpreter: rewritten in older words, each at its place, and parsed then.

tree-sitter knows type parameters and `type` statements (3.12), f-strings that nest (3.12), t-strings and `except A, B`
(3.14). Nothing is moved: what has no older words becomes spaces, so that lines and columns are those of the file.
"""

import ast
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from ast_grep_py import SgNode, SgRoot

Place = tuple[int, int]
"""The line from 1 and the column from 0 in bytes, as `ast` has them."""

_LETTERS = "bBfFrRtTuU"
"""What a string may begin with, before its quotes."""
_NO_EXPRESSION = frozenset({"{", "}", "=", "comment", "type_conversion", "format_specifier"})
DEEPEST_STRING = 150
"""Python lets no more strings with interpolations stand in one another."""

_ONLY_GOES_ON = re.compile(r"^[ \t\f]*\\\r?\n", re.MULTILINE)
_COMMENTS = re.compile(r"^[ \t\f]*#[^\n]*(?:\n\s*#[^\n]*)+", re.MULTILINE)


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


@dataclass
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
        root = SgRoot(_quick(self.text), "python").root()
        for kind in ("function_definition", "class_definition"):
            for node in root.find_all(kind=kind):
                parameters = node.field("type_parameters")
                if parameters is not None:
                    self._blank(*_span(parameters))
        for node in root.find_all(kind="type_alias_statement"):
            self._assign(node)
        for node in root.find_all(kind="except_clause"):
            self._join(node)
        for node in _strings(root):
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
        parts = [part.children() for part in (node.children() if node.kind() == "concatenated_string" else [node])]
        # What was blanked stays so: it stands in something that was rewritten.
        if self.written[start] != self.text[start] or not any(map(_is_interpolated, parts)):
            return
        if _parses(self.text[start:end]):
            return
        literals = self.literals.setdefault(self._place(start), [])
        blanked = start
        for child in (child for children in parts for child in children if child.kind() == "interpolation"):
            for kept_start, kept_end in map(_span, _expressions(child)):
                self._blank(blanked, kept_start, in_brackets=True)
                blanked = kept_end
            self._blank(blanked, _span(child)[1], in_brackets=True)
            blanked = _span(child)[1]
            if self.text[blanked - 1] == "}":
                self.written[blanked - 1] = ","
        self._blank(blanked, end, in_brackets=True)
        self.written[start], self.written[end - 1] = "[", "]"
        for children in parts:
            opening = next((child.text() for child in children if child.kind() == "string_start"), "")
            for content in (_span(child) for child in children if child.kind() == "string_content"):
                literals.append((self._place(content[0]), _meant(self.text[slice(*content)], opening)))

    @cached_property
    def _bytes(self) -> "array[int]":
        """How many bytes stand before each character."""
        return array("L", accumulate((len(c.encode("utf-8", "surrogatepass")) for c in self.text), initial=0))

    @cached_property
    def _lines(self) -> "array[int]":
        """Where each line begins."""
        return array("L", [0, *(found.end() for found in re.finditer("\n", self.text))])

    def _place(self, index: int) -> Place:
        line = bisect_right(self._lines, index)
        return line, self._bytes[index] - self._bytes[self._lines[line - 1]]


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


def _quick(text: str) -> str:
    """The same without what takes tree-sitter quadratic time: runs of comments and of continued lines; none moves."""
    in_one = _ONLY_GOES_ON.sub(lambda found: " " * len(found[0]), text)
    return _COMMENTS.sub(lambda found: found[0].replace("\n", " "), in_one)


def _strings(root: SgNode) -> Iterator[SgNode]:
    """The strings that are no part of a concatenation, the outer before those in them; refuses what nests too deep."""
    joined = root.find_all(kind="concatenated_string")
    parts = {_span(part) for node in joined for part in node.children()}
    alone = (node for node in root.find_all(kind="string") if _span(node) not in parts)
    around: list[int] = []
    for node in sorted((*joined, *alone), key=lambda n: (_span(n)[0], -_span(n)[1])):
        start, end = _span(node)
        while around and around[-1] <= start:
            around.pop()
        around.append(end)
        if len(around) > DEEPEST_STRING:
            raise ValueError
        yield node


def _is_interpolated(children: list[SgNode]) -> bool:
    """Whether a string with these children may be newer than we are: others have not changed."""
    return any(
        child.kind() == "interpolation" or (child.kind() == "string_start" and "t" in child.text().lower())
        for child in children
    )


def _expressions(interpolation: SgNode) -> Iterator[SgNode]:
    return (child for child in interpolation.children() if child.kind() not in _NO_EXPRESSION)


def _meant(text: str, opening: str) -> str:
    """The characters that stand for themselves in a string with interpolations, without the escapes of its kind."""
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
    # Its range would count the columns from the beginning of its line, which takes quadratic time where lines are long.
    place = node.replace("")
    return place.start_pos, place.end_pos
