"""What earlier scans came to, kept in files that only their owner can write: checked, bounded, all or nothing."""

import hashlib
import json
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from fastapi_audit import __version__
from fastapi_audit.evidence.cache_folder import cache_folder, is_private
from fastapi_audit.evidence.stamps import digest, stamp
from fastapi_audit.installed import entry_point_files
from fastapi_audit.replacing import replace_files

MOST_RESULTS = 64
LARGEST = 100_000_000
"""Bytes of one kept result, and of all of them together."""

UNREADABLE = (OSError, ValueError, LookupError, TypeError, RecursionError)
"""What goes wrong with a file that is damaged, or was written by nobody of us."""


class Result:
    """The place of one result, found by what was asked and by this very program."""

    def __init__(self, folder: Path | None, *asked: object) -> None:
        place = folder or cache_folder()
        self._path = place / "results" / f"{digest((asked, _program()))}.json" if place else None

    def read(self) -> Any:
        """What was kept, as JSON gives it; `None` when there is nothing or it is not whole."""
        with suppress(*UNREADABLE):
            if self._path is None or not is_private(self._path.parent) or self._path.stat().st_size > LARGEST:
                return None
            checksum, _, written = self._path.read_bytes().partition(b"\n")
            return json.loads(written) if checksum == _checksum(written) else None
        return None

    def write(self, value: object) -> None:
        """Keeps a value that JSON can hold; where that cannot be done, nothing happens."""
        if self._path is None:
            return
        with suppress(*UNREADABLE):
            written = json.dumps(value).encode()
            if len(written) > LARGEST:
                return
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_private(self._path.parent):
                # Another scan may be reading; what is kept is for its owner only.
                replace_files({self._path: _checksum(written) + b"\n" + written}, mode=0o600)
                _forget_oldest(self._path)


def _forget_oldest(newest: Path) -> None:
    """The newest results stay, as many as may; what a killed scan left behind goes with the oldest."""
    found = sorted(((s[1], s[0], p) for p in newest.parent.iterdir() if (s := stamp(p))), reverse=True)
    together = 0
    for place, (_, size, path) in enumerate(found):
        together += size
        if place >= MOST_RESULTS or (together > LARGEST and path != newest):
            path.unlink(missing_ok=True)


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()


@cache
def _program() -> tuple[object, ...]:
    """What this program is: its version, its own files, the interpreter, and the folders that it takes modules from.

    A package that is installed, or that comes to say that it has rules, changes what those folders hold.
    """
    home = Path(__file__).parent
    own = [(folder, sorted(names)) for folder, _, names in os.walk(home) if not folder.endswith("__pycache__")]
    files = [(folder, name, stamp(Path(folder, name))) for folder, names in sorted(own) for name in names]
    said = [(str(file), stamp(file)) for file in entry_point_files()]
    return __version__, sys.version, digest(files), digest(said), tuple((p, stamp(Path(p))) for p in sys.path)
