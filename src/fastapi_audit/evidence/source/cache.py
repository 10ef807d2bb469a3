"""Facts kept between runs by the content of the file, in the user's own cache directory and never in the project."""

import hashlib
import marshal
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from zlib import crc32

from fastapi_audit.evidence.cache_folder import cache_folder, is_private
from fastapi_audit.evidence.source.facts import VERSION, Facts

LARGEST = 400_000_000
"""Bytes; a larger store is begun anew."""
AT_ONCE = 500


def key_of(content: bytes) -> bytes:
    """What the facts of a content are found by."""
    return hashlib.blake2b(content, digest_size=16).digest()


class Store:
    """The kept facts; a store that cannot be opened, read or written holds nothing and costs nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        place = folder or cache_folder()
        self._path = place / f"facts-{VERSION}-{python}.sqlite" if place else None

    def read(self, keys: Iterable[bytes]) -> dict[bytes, Facts]:
        """The facts that are there."""
        found: dict[bytes, Facts] = {}
        wanted = list(keys)
        with suppress(sqlite3.Error, OSError):
            if self._path is None or not is_private(self._path.parent) or not self._path.is_file():
                return found
            with closing(sqlite3.connect(self._path, timeout=2)) as connection:
                for start in range(0, len(wanted), AT_ONCE):
                    some = wanted[start : start + AT_ONCE]
                    marks = ",".join("?" * len(some))
                    rows = connection.execute(f"select key, value from facts where key in ({marks})", some)  # noqa: S608  only question marks
                    found.update((key, facts) for key, value in rows if (facts := _loaded(value)) is not None)
        return found

    def write(self, facts: Mapping[bytes, Facts]) -> None:
        """Keeps facts for the next run; a store that is damaged or too large is begun anew."""
        if not facts or self._path is None:
            return
        with suppress(sqlite3.Error, OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not is_private(self._path.parent):
                return
            if self._path.is_file() and self._path.stat().st_size > LARGEST:
                _remove(self._path)
            try:
                _insert(self._path, facts)
            except sqlite3.OperationalError:  # locked, full, read-only: nothing is wrong with what is there
                return
            except sqlite3.DatabaseError:
                _remove(self._path)
                _insert(self._path, facts)


def _insert(path: Path, facts: Mapping[bytes, Facts]) -> None:
    with closing(sqlite3.connect(path, timeout=2)) as connection, connection:
        connection.execute("create table if not exists facts (key blob primary key, value blob) without rowid")
        rows = [(key, _dumped(value)) for key, value in facts.items()]
        connection.executemany("insert or replace into facts values (?, ?)", rows)


def _remove(path: Path) -> None:
    # The journal of a writer that was killed would be rolled back into the new store.
    for each in (path, path.with_name(f"{path.name}-journal")):
        each.unlink(missing_ok=True)


def _dumped(facts: Facts) -> bytes:
    written = marshal.dumps(facts)
    return crc32(written).to_bytes(4, "big") + written


def _loaded(value: object) -> Facts | None:
    """SQLite notices damage to its pages, not to what stands in them."""
    if not isinstance(value, bytes) or value[:4] != crc32(value[4:]).to_bytes(4, "big"):
        return None
    facts: Facts = marshal.loads(value[4:])  # noqa: S302  a folder that only its owner can write
    return facts
