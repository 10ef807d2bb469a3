"""Facts kept between runs by the content of the file, in the user's own cache directory and never in the project."""

import hashlib
import marshal
import os
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path

from fastapi_audit.evidence.source.facts import VERSION, Facts

LARGEST = 400_000_000
"""Bytes; a larger store is begun anew."""
AT_ONCE = 500


def directory() -> Path:
    """`$FASTAPI_AUDIT_CACHE_DIR`, else below the user's cache directory."""
    given = os.environ.get("FASTAPI_AUDIT_CACHE_DIR")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastapi-audit"


def is_private(folder: Path) -> bool:
    """Whether nobody else can put bytes there: what is loaded must be what we wrote."""
    if not hasattr(os, "getuid"):
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def key_of(content: bytes) -> bytes:
    """What the facts of a content are found by."""
    return hashlib.blake2b(content, digest_size=16).digest()


class Store:
    """The kept facts; a store that cannot be opened, read or written holds nothing and costs nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._path = (folder or directory()) / f"facts-{VERSION}-{python}.sqlite"

    def read(self, keys: Iterable[bytes]) -> dict[bytes, Facts]:
        """The facts that are there."""
        found: dict[bytes, Facts] = {}
        wanted = list(keys)
        with suppress(sqlite3.Error, OSError, ValueError, EOFError, TypeError):
            if not self._is_ours() or not self._path.is_file():
                return found
            with closing(sqlite3.connect(self._path, timeout=2)) as connection:
                for start in range(0, len(wanted), AT_ONCE):
                    some = wanted[start : start + AT_ONCE]
                    marks = ",".join("?" * len(some))
                    rows = connection.execute(f"select key, value from facts where key in ({marks})", some)  # noqa: S608  only question marks
                    found.update((key, marshal.loads(value)) for key, value in rows)  # noqa: S302  a folder that only its owner can write
        return found

    def write(self, facts: Mapping[bytes, Facts]) -> None:
        """Keeps facts for the next run."""
        if not facts:
            return
        with suppress(sqlite3.Error, OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours():
                return
            if self._path.is_file() and self._path.stat().st_size > LARGEST:
                self._path.unlink()
            with closing(sqlite3.connect(self._path, timeout=2)) as connection, connection:
                connection.execute("create table if not exists facts (key blob primary key, value blob) without rowid")
                rows = [(key, marshal.dumps(value)) for key, value in facts.items()]
                connection.executemany("insert or replace into facts values (?, ?)", rows)

    def _is_ours(self) -> bool:
        return is_private(self._path.parent)
