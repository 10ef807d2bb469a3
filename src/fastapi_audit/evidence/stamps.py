"""What the files of a project are now, told from their status alone: nothing is opened."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi_audit.evidence.files import discover

FRESH = 2_000_000_000
"""Nanoseconds: a file system may give two changes within this time the same stamp."""

SEEN_BESIDE = (".git", ".git/index")
"""Looked at in every project, though not listed."""

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Stamps:
    """The status of every listed file of a project, at one moment."""

    root: Path
    paths: tuple[str, ...]
    files: str
    """A digest over path, size, times of change and identity of every listed file."""
    taken: int
    """Nanoseconds since the epoch."""
    settled: bool
    """Whether all files were as they are for a while, so that a further change cannot go unseen."""

    @classmethod
    def now(cls, root: Path, exclude: Sequence[str] = ()) -> "Stamps":
        """Lists the project anew, so that a new file is a change too."""
        return cls.of(root, tuple(discover(root, exclude).paths))

    @classmethod
    def of(cls, root: Path, paths: tuple[str, ...]) -> "Stamps":
        """The status of these files."""
        taken = time.time_ns()
        known = [(path, stamp(root / path)) for path in paths]
        newest = max((max(s[1], s[2]) for _, s in known if s is not None), default=0)
        return cls(root, paths, digest(known), taken, newest < taken - FRESH)

    def beside(self, looked_at: Iterable[str]) -> dict[str, str]:
        """Path → status of what is looked at without being listed, such as an ignored `.env`."""
        others = {*SEEN_BESIDE, *looked_at}.difference(self.paths)
        return {path: digest(stamp(self.root / path)) for path in sorted(others)}

    def still(self, looked_at: Iterable[str]) -> "Stamps | None":
        """The same files now, when none, and none of those beside, has changed meanwhile or only just before."""
        after = Stamps.of(self.root, self.paths)
        beside = (self.root / path for path in self.beside(looked_at))
        return after if after.settled and self.files == after.files and at_rest(beside, self.taken) else None


def stamp(path: Path) -> Stamp | None:
    """Size, times of content and of status, and identity of a file; `None` where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def at_rest(paths: Iterable[Path], moment: int) -> bool:
    """Whether all were as they are for a while before a moment; of one that is missing, its folder tells."""
    known = (stamp(path) or stamp(path.parent) for path in paths)
    return all(max(each[1], each[2]) < moment - FRESH for each in known if each)


def digest(value: object) -> str:
    """One name for a value of constants and tuples."""
    written = repr(value).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(written, digest_size=16).hexdigest()
