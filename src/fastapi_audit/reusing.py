"""Gives the scorecard of an earlier scan again when nothing that it was made of has changed since."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fastapi_audit import __version__
from fastapi_audit.evidence import Gathering, Stamps, cache_directory, digest, is_private, stamp
from fastapi_audit.model import Scorecard
from fastapi_audit.packing import packed, unpacked
from fastapi_audit.replacing import replace_files

MOST_RESULTS = 64
LARGEST = 100_000_000
"""Bytes of one kept result, and of all of them together."""


class Earlier:
    """The kept result of scanning one project in one way; whatever is wrong with it, there is none.

    It is found by the project, by `asked` (settings, rules, baseline: everything else that decides) and by this very
    program, and it counts only while every file of the project, listed or looked at beside, has the status that it had.
    """

    def __init__(self, gathering: Gathering, *asked: object) -> None:
        root = gathering.root.resolve()
        self._stamps = Stamps.now(root, gathering.exclude)
        place = gathering.cache or cache_directory()
        self._path = place / "results" / f"{digest((str(root), asked, _program()))}.json" if place else None

    def scorecard(self) -> Scorecard | None:
        """The scorecard, when it would come out the same again."""
        with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
            if self._path is None or not is_private(self._path.parent) or self._path.stat().st_size > LARGEST:
                return None
            checksum, _, written = self._path.read_bytes().partition(b"\n")
            if checksum != _checksum(written):
                return None
            files, beside, kept = json.loads(written)
            if files == self._stamps.files and beside == self._stamps.beside(beside):
                card = unpacked(kept)
                return card if isinstance(card, Scorecard) else None
        return None

    def keep(self, card: Scorecard, looked_at: Iterable[str]) -> None:
        """Keeps a scorecard that is whole for the next time, unless a file changed meanwhile or only just before."""
        before, after = self._stamps, Stamps.of(self._stamps.root, self._stamps.paths)
        if self._path is None or card.incomplete or not after.settled or before.files != after.files:
            return
        with suppress(OSError, ValueError, TypeError, RecursionError):
            written = json.dumps([after.files, after.beside(looked_at), packed(card)]).encode()
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


def _program() -> tuple[object, ...]:
    """What this program is: its version, its own files, the interpreter, and the folders that it takes modules from."""
    home = Path(__file__).parent
    own = [(folder, sorted(names)) for folder, _, names in os.walk(home) if not folder.endswith("__pycache__")]
    files = [(folder, name, stamp(Path(folder, name))) for folder, names in sorted(own) for name in names]
    return __version__, sys.version, digest(files), tuple((place, stamp(Path(place))) for place in sys.path)
