"""Says again what the same command said, when nothing that decided it has changed: known before it is understood."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from fastapi_audit.evidence.stamps import Stamps, at_rest, digest, stamp
from fastapi_audit.results import UNREADABLE, Result


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and how it ended."""

    report: str
    for_people: bool
    """Whether the report is written as the terminal can show it, not as UTF-8."""
    warnings: tuple[str, ...]
    code: int


class Command:
    """A command as it was typed, where, and what its reader can see: what it printed is kept under these."""

    def __init__(self, *typed: object) -> None:
        self._begun = time.time_ns()
        self._result = Result(None, "said", _here(), typed)
        self._deciding: dict[str, str] = {}

    def decided_by(self, files: Iterable[Path]) -> None:
        """Notes files that are read beside the project, there or not, before they are read."""
        self._deciding |= _stamped(files)

    def answer(self) -> Said | None:
        """What it said before, when it would say the same again."""
        with suppress(*UNREADABLE):
            shown, root, exclude, files, beside, deciding, (report, for_people, warnings, code) = self._result.read()
            if str(Path(shown).resolve()) != root or _stamped(map(Path, deciding)) != deciding:
                return None
            stamps = Stamps.now(Path(root), exclude)
            if stamps.files == files and stamps.beside(beside) == beside:
                return Said(report, for_people, tuple(warnings), code)
        return None

    def keep(self, said: Said, shown: str, stamps: Stamps, exclude: Iterable[str], looked_at: Iterable[str]) -> None:
        """Keeps what was said for the next time, unless something changed meanwhile or only just before.

        `stamps` are of the time when the project began to be read; `shown` is how the command called it.
        """
        looked_at = tuple(looked_at)
        after = stamps.still(looked_at)
        if after is None or _stamped(map(Path, self._deciding)) != self._deciding:
            return
        if at_rest((path for path in map(Path, self._deciding) if path.exists()), self._begun):
            held = (shown, str(after.root), tuple(exclude), after.files, after.beside(looked_at), self._deciding)
            self._result.write([*held, astuple(said)])


def _stamped(files: Iterable[Path]) -> dict[str, str]:
    return {str(file): digest(stamp(file)) for file in files}


def _here() -> str:
    """Where paths begin that are not absolute; nowhere, when the folder is gone."""
    with suppress(OSError):
        return str(Path.cwd())
    return ""
