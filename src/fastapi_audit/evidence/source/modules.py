"""The modules of a program: names of files, source roots, and what an import statement leads to."""

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import PurePosixPath

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.facts import NO_BODY, Facts, body_of
from fastapi_audit.evidence.source.syntax import Node, Stmt
from fastapi_audit.model import Location

_ASIDE = re.compile(
    r"(^|/)(tests?|testing|docs?|examples?|docs_src|scripts|benchmarks?|migrations|alembic|notebooks|templates|cookiecutter[^/]*)/"
    r"|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|noxfile|locustfile|manage)\.py$"
)
"""Where code lives that is not part of the service, unless the application imports it."""


@dataclass(slots=True, eq=False)
class SourceFile:
    """One Python file that was parsed, with its facts; its syntax is decoded when first asked for."""

    path: str
    """POSIX, relative to the project root."""
    name: str
    """Dotted, relative to its source root."""
    facts: Facts
    content: bytes
    _body: tuple[Stmt, ...] | None = None
    _offsets: "array[int] | None" = None

    @property
    def body(self) -> tuple[Stmt, ...]:
        if self._body is None:
            self._body = tuple([syntax.decode(raw) for raw in body_of(self.facts)])
            self.facts = (NO_BODY, *self.facts[1:])
        return self._body

    @property
    def is_unread(self) -> bool:
        """Whether it could not be parsed; what is said of a file that has a body is a remark."""
        return bool(self.facts[3]) and not self.facts[0] and not self._body

    @property
    def is_aside(self) -> bool:
        """Whether it lies where tests, examples and scripts do."""
        return is_aside(self.path)

    @property
    def package(self) -> str:
        """The dotted package that a relative import of level 1 starts from."""
        return (
            self.name
            if self.path.endswith("/__init__.py") or self.path == "__init__.py"
            else self.name.rpartition(".")[0]
        )

    @property
    def bare(self) -> bytes:
        """The bytes without a byte order mark."""
        return self.content.removeprefix(b"\xef\xbb\xbf")

    @property
    def lines(self) -> list[bytes]:
        """The lines with their ends, as `ast` counts them."""
        return self.bare.splitlines(keepends=True)

    @property
    def _starts(self) -> "array[int]":
        """Where each line begins, and where the last one ends: the lines themselves take twenty times the room."""
        if self._offsets is None:
            self._offsets = array("I", accumulate(map(len, self.lines), initial=0))
        return self._offsets

    def _byte(self, line: int, byte_column: int) -> int:
        """The offset of a place in bytes, on its line and in the file."""
        starts = self._starts
        return min(starts[line - 1] + byte_column, starts[line]) if line < len(starts) else starts[-1]

    def column(self, line: int, byte_column: int) -> int:
        """The column from 1 in code points of a place that `ast` gives in bytes."""
        if line >= len(self._starts):
            return byte_column + 1
        before = self.bare[self._starts[line - 1] : self._byte(line, byte_column)]
        return (len(before) if before.isascii() else len(before.decode("utf-8", "replace"))) + 1

    def end_of(self, line: int) -> int:
        """The column after the last character of a line, without what ends the line."""
        whole = self.bare[self._starts[line - 1] : self._starts[line]]
        return self.column(line, len(whole.rstrip(b"\r\n")))

    def location(self, node: Node) -> Location:
        """Where a node stands."""
        start_line, start = divmod(node.start, syntax.COLUMNS)
        end_line, end = divmod(node.end, syntax.COLUMNS)
        return Location(self.path, start_line, self.column(start_line, start), end_line, self.column(end_line, end))

    def offset(self, packed: int) -> int:
        """The offset in code points from the start of the text of a packed place."""
        line, column = divmod(packed, syntax.COLUMNS)
        before = self.bare[: self._byte(line, column)]
        return len(before.decode("utf-8", "replace"))

    @property
    def text(self) -> str:
        """The text that offsets count in: decoded, without a byte order mark, line ends kept."""
        return self.bare.decode("utf-8", "replace")

    def may_say(self, node: Node, *words: bytes) -> bool:
        """Whether one of these words stands in the lines of a node; cheaper than to look at what is in it."""
        first, last = node.start // syntax.COLUMNS, node.end // syntax.COLUMNS
        written = self.bare[self._byte(first, 0) : self._byte(last + 1, 0)]
        return any(word in written for word in words)

    def source(self, node: Node) -> str:
        """The text of a node."""
        start = self._byte(*divmod(node.start, syntax.COLUMNS))
        end = self._byte(*divmod(node.end, syntax.COLUMNS))
        return self.bare[start:end].decode("utf-8", "replace")


def is_aside(path: str) -> bool:
    """Whether a path is one of tests, examples, migrations or scripts."""
    return _ASIDE.search(path) is not None


@dataclass(slots=True)
class Modules:
    """Every Python file by path, and the way from a dotted name to a file."""

    files: dict[str, SourceFile] = field(default_factory=dict)
    _packages: dict[str, list[str]] = field(default_factory=dict)
    """Top-level name → the folders (with a trailing slash, or empty) that hold it."""
    _folders: set[str] = field(default_factory=set)
    _found: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _named: dict[str, SourceFile] = field(default_factory=dict)

    @property
    def by_path(self) -> list[SourceFile]:
        """Every file, in the order of the paths."""
        return [self.files[p] for p in sorted(self.files)]

    def add(self, path: str, facts: Facts, content: bytes) -> None:
        """Registers a parsed file."""
        self.files[path] = SourceFile(path, "", facts, content)

    def link(self, paths: Sequence[str]) -> None:
        """Names every file, once all are known."""
        packages = {str(PurePosixPath(p).parent) for p in paths if p.endswith("__init__.py")}
        self._folders = {str(parent) for p in paths for parent in PurePosixPath(p).parents}
        imported = {name.partition(".")[0] for f in self.files.values() for name, level, _ in f.facts[1] if not level}
        for path, file in self.files.items():
            root, file.name = _dotted(path, packages, imported)
            top = file.name.partition(".")[0]
            holders = self._packages.setdefault(top, [])
            if root not in holders:
                holders.append(root)

    def named(self, dotted: str) -> SourceFile | None:
        """The first file of this dotted name."""
        if not self._named:
            for file in self.files.values():
                self._named.setdefault(file.name, file)
        return self._named.get(dotted) or self._at("", dotted)

    def find(self, dotted: str, importer: SourceFile, level: int = 0) -> SourceFile | None:
        """The file that `import dotted` in `importer` leads to; `None` for a foreign module."""
        if level:
            return self._relative(dotted, importer, level)
        key = (dotted, importer.path.rpartition("/")[0])
        if key not in self._found:
            self._found[key] = self._absolute(dotted, importer)
        path = self._found[key]
        return self.files[path] if path else None

    def _relative(self, dotted: str, importer: SourceFile, level: int) -> SourceFile | None:
        folder = importer.path.rpartition("/")[0]
        for _ in range(level - 1):
            folder = folder.rpartition("/")[0]
        prefix = f"{folder}/" if folder else ""
        return self._at(prefix, dotted) if dotted else self._file(f"{prefix}__init__.py")

    def _absolute(self, dotted: str, importer: SourceFile) -> str | None:
        """Looks where Python would: beside and above the importing file outside packages, then in every source root."""
        for root in self._roots(dotted.partition(".")[0], importer):
            found = self._at(root, dotted)
            if found:
                return found.path
        return None

    def _roots(self, top: str, importer: SourceFile) -> Iterator[str]:
        holders = self._packages.get(top, [])
        near = sorted(holders, key=lambda root: (not importer.path.startswith(root), -len(root), root))
        yield from near
        # Folders without __init__.py (namespace packages) are known by being an ancestor of the importing file.
        for prefix in _prefixes(importer.path):
            if prefix not in holders and (prefix + top) in self._folders and f"{prefix}__init__.py" not in self.files:
                yield prefix

    def _at(self, prefix: str, dotted: str) -> SourceFile | None:
        base = prefix + dotted.replace(".", "/")
        return self._file(f"{base}.py") or self._file(f"{base}/__init__.py")

    def _file(self, path: str) -> SourceFile | None:
        return self.files.get(path)

    def is_package(self, dotted: str, importer: SourceFile) -> bool:
        """Whether a dotted name is a folder of the program, with or without `__init__.py`."""
        base = dotted.replace(".", "/")
        # What stands inside a package is not found by its bare name: there `import fastapi` is the library.
        above = (prefix for prefix in _prefixes(importer.path) if f"{prefix}__init__.py" not in self.files)
        roots = [*self._packages.get(dotted.partition(".")[0], []), *above]
        return any(root + base in self._folders for root in roots)


def _prefixes(path: str) -> Iterator[str]:
    """The folders around a file, each with a slash behind, innermost first; the root is empty."""
    while path:
        path = path.rpartition("/")[0]
        yield f"{path}/" if path else ""


def _dotted(path: str, packages: set[str], imported: set[str]) -> tuple[str, str]:
    """`(source root with trailing slash, dotted name)` of a file, by the `__init__.py` files around it.

    A folder without `__init__.py` is a namespace package when somebody imports its name, or inside a package.
    """
    pure = PurePosixPath(path)
    folder = pure.parent
    parts = [] if pure.name == "__init__.py" else [pure.stem]
    while str(folder) != "." and (
        str(folder) in packages or folder.name in imported or str(folder.parent) in packages - {"."}
    ):
        parts.insert(0, folder.name)
        folder = folder.parent
    root = "" if str(folder) == "." else f"{folder}/"
    if not parts:
        parts = [folder.name or "__init__"]
    return root, ".".join(parts)
