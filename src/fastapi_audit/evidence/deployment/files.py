"""Finds the deployment files of a project and reads them, within bounds and never outside the tree."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fastapi_audit.evidence.deployment.text import Document
from fastapi_audit.model import Location, Unresolved

LARGEST = 1_000_000
"""Bytes of one file; a deployment file that people write is a hundredth of it."""
LARGEST_LOCK = 20_000_000
"""Bytes of a lock file, which a tool writes."""
LARGEST_TOGETHER = 60_000_000
MOST_ENTRIES = 300_000
SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", "site-packages", ".tox", ".nox"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".terraform", ".idea", ".vscode"}
)

DEVELOPMENT = frozenset(
    {"dev", "devel", "develop", "development", "devcontainer", "devenv", "local", "localdev", "override", "debug"}
    | {"test", "tests", "testing", "e2e", "regtest", "integration", "ci", "github", "gitlab", "tilt", "skaffold"}
    | {"gitpod", "codespace", "codespaces"}
    | {"benchmark", "benchmarks", "fixtures", "example", "examples", "sample", "samples", "demo", "demos", "docs"}
    | {"playground", "tutorial", "tutorials"}
)


def is_development(path: str) -> bool:
    """Whether a name says that the file is not what runs in production: `compose.dev.yml`, `tests/…`, `examples/…`."""
    return any(word in DEVELOPMENT for word in re.split(r"[^a-z0-9]+", path.lower()))


@dataclass(slots=True)
class Files:
    """The files of the project by path, and what could not be read of them."""

    root: Path
    paths: tuple[str, ...] = ()
    """POSIX, relative to the root, sorted."""
    unresolved: list[Unresolved] = field(default_factory=list)
    _read: dict[str, Document | None] = field(default_factory=dict)
    _glanced_at: set[str] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)
    _bytes: int = 0

    @classmethod
    def below(cls, root: Path) -> "Files":
        """Lists the tree without following any link."""
        files = cls(root)
        files.paths = tuple(sorted(files.walk()))
        return files

    def walk(self) -> Iterator[str]:
        folders, seen = [""], 0
        while folders:
            folder = folders.pop()
            for entry in _entries(self.root / folder):
                seen += 1
                path = f"{folder}{entry.name}"
                if seen > MOST_ENTRIES:
                    self.note("file", f"looked at the first {MOST_ENTRIES} files only; exclude folders that hold none")
                    return
                if not entry.is_dir(follow_symlinks=False):
                    yield path
                elif entry.name not in SKIPPED_FOLDERS:
                    folders.append(f"{path}/")

    def note(self, kind: str, message: str, location: Location | None = None) -> None:
        """Says, once, that something exists and is not known."""
        if message not in self._said:
            self._said.add(message)
            self.unresolved.append(Unresolved(kind, message, location))

    def skipped(self, path: str, why: str) -> None:
        """Says why a file is not known."""
        self.note("file", f"{path} {why}", Location(path, 1))

    def refused(self, path: str, why: str) -> Document | None:
        """The same, for a file that has no text to give."""
        self.skipped(path, why)
        return None

    def document(self, path: str, limit: int = LARGEST) -> Document | None:
        """The text of a file; `None`, with a note, when it cannot or should not be read."""
        if path not in self._read:
            self._read[path] = self._open(path, limit)
        return self._read[path]

    def mentions(self, path: str, *words: bytes) -> bool:
        """Whether a file of bearable size holds all of these words; a cheap look before it is parsed."""
        self._glanced_at.add(path)
        target = self.root / path
        try:
            if not self._inside(target) or not target.is_file() or target.stat().st_size > LARGEST:
                return False
            content = target.read_bytes()
        except OSError:
            return False
        return all(word in content for word in words)

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Every path that was asked for, whether it could be read or not."""
        return tuple(sorted({*self._read, *self._glanced_at}))

    @property
    def documents(self) -> tuple[Document, ...]:
        """Everything that was read, by path."""
        return tuple(document for _, document in sorted(self._read.items()) if document)

    def _open(self, path: str, limit: int) -> Document | None:
        target = self.root / path
        try:
            if not self._inside(target):
                return self.refused(path, "is a link that leads out of the project, so it is not read")
            if not target.is_file():
                return self.refused(path, "is no regular file, so it is not read")
            with target.open("rb") as stream:
                content = stream.read(limit + 1)
        except OSError as error:
            return self.refused(path, f"cannot be read: {error.strerror or type(error).__name__}")
        return self._decoded(path, content, limit)

    def _decoded(self, path: str, content: bytes, limit: int) -> Document | None:
        self._bytes += len(content)
        if len(content) > limit:
            return self.refused(path, f"is larger than {limit // 1_000_000} MB, so it is not read")
        if self._bytes > LARGEST_TOGETHER:
            return self.refused(path, "is not read: the deployment files before it are too large together")
        if b"\0" in content:
            return self.refused(path, "is binary, so it is not read")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return self.refused(path, f"is not UTF-8 (byte {error.start}), so it is not read")
        return Document.of(path, text)

    def _inside(self, target: Path) -> bool:
        """Whether following every link still ends below the root."""
        try:
            return target.resolve(strict=True).is_relative_to(self.root.resolve())
        except RuntimeError:  # a loop of links
            return False


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
