"""Finds the files of a project: gitignore-aware, bounded, never out of the tree."""

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_audit.model import Location, Unresolved

if TYPE_CHECKING:
    from pathspec import PathSpec
    from pathspec.pattern import Pattern

    Spec = PathSpec[Pattern]

LARGEST_PYTHON = 2_000_000
"""Bytes; a larger Python file is generated, not written."""
MOST_FILES = 200_000

_SKIPPED = frozenset(
    {
        ".git", ".hg", ".svn", ".venv", "venv", "env", "node_modules", "__pycache__", "__pypackages__", "site-packages",
        ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".eggs", ".direnv", ".idea", ".vscode",
    }
)  # fmt: skip


@dataclass(slots=True)
class Tree:
    """The files below a root, as POSIX paths relative to it, sorted; and what was left out, with the reason."""

    root: Path
    paths: list[str] = field(default_factory=list)
    left_out: list[Unresolved] = field(default_factory=list)

    @property
    def python(self) -> list[str]:
        """The Python files."""
        return [p for p in self.paths if p.endswith(".py")]

    def read(self, path: str, limit: int = LARGEST_PYTHON) -> bytes | None:
        """The bytes of a file; `None`, and a line in `left_out`, when it cannot or should not be read."""
        try:
            with (self.root / path).open("rb") as file:
                content = file.read(limit + 1)
        except OSError as problem:
            self.leave_out(path, f"cannot be read: {problem.strerror or problem}")
            return None
        if len(content) > limit:
            self.leave_out(path, f"is larger than {limit // 1000} kB and was not read; exclude it or split it")
            return None
        return content

    def leave_out(self, path: str, why: str) -> None:
        """Names a file that is not part of what was judged."""
        self.left_out.append(Unresolved("file", f"{path} {why}", Location(path, 1)))


def discover(root: Path, exclude: Sequence[str] = ()) -> Tree:
    """Lists the files of a project, without ignored, virtual-environment and cache folders."""
    tree = Tree(root)
    for path in _walk(tree, _spec(exclude)):
        if len(tree.paths) >= MOST_FILES:
            tree.left_out.append(Unresolved("file", f"more than {MOST_FILES} files: the rest was not looked at"))
            break
        tree.paths.append(path)
    tree.paths.sort()
    return tree


Ignores = tuple[tuple[str, "Spec"], ...]
"""The patterns that hold in a folder, each with the folder whose `.gitignore` has them."""


def _walk(tree: Tree, exclude: "Spec | None") -> Iterator[str]:
    # Not by recursion: a path may have more folders than Python has frames.
    pending: list[tuple[str, Ignores]] = [("", ())]
    while pending:
        prefix, outer = pending.pop()
        entries = _entries(tree, prefix)
        names = {entry.name for entry in entries}
        if prefix and "pyvenv.cfg" in names:
            continue
        spec = _spec(_lines(tree.root / prefix / ".gitignore", tree.root)) if ".gitignore" in names else None
        ignores = (*outer, (prefix, spec)) if spec else outer
        for entry in entries:
            path = prefix + entry.name
            if entry.is_symlink() and not _stays_inside(entry, tree.root):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _SKIPPED and not _ignored(f"{path}/", ignores, exclude):
                    pending.append((f"{path}/", ignores))
            elif entry.is_file() and not _ignored(path, ignores, exclude):
                yield path


def _entries(tree: Tree, prefix: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(tree.root / prefix) as entries:
            return list(entries)
    except OSError as problem:
        tree.leave_out(prefix or ".", f"cannot be listed: {problem.strerror or problem}")
        return []


def _stays_inside(link: "os.DirEntry[str]", root: Path) -> bool:
    """A linked file inside the tree is read; a linked folder never is, so that no loop can arise."""
    try:
        target = Path(link.path).resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return target.is_file() and target.is_relative_to(root.resolve())


def _lines(path: Path, root: Path) -> list[str]:
    try:
        real = path.resolve(strict=True)
        # A pipe would be waited for, and a link may lead out of the tree.
        if not real.is_file() or not real.is_relative_to(root.resolve()):
            return []
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(100_000).splitlines()
    except (OSError, RuntimeError):
        return []


def _spec(lines: Sequence[str]) -> "Spec | None":
    patterns = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  36 ms, and many trees have no patterns

    # What `[[` may mean to Python one day is nothing that the user of a project could mend.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return GitIgnoreSpec.from_lines(patterns)
        except (ValueError, re.error):
            return None


def _ignored(path: str, ignores: Ignores, exclude: "Spec | None") -> bool:
    if exclude is not None and exclude.match_file(path):
        return True
    return any(spec.match_file(path[len(prefix) :]) for prefix, spec in ignores)
