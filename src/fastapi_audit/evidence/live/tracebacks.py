"""What a server has printed of an exception that nobody caught: its type, and the way through the project's code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from fastapi_audit.evidence.live.own_code import own_path
from fastapi_audit.model import Location, Step

HEADER = "Traceback (most recent call last):"
FRAME = re.compile(r'\s+File "([^"]{1,500})", line (\d{1,7}), in (.{1,200})')
RAISED = re.compile(r"([A-Za-z_][\w.]{0,200})(?=:|\s*$|\"|\\)")
STEPS = 12
NAME = 120


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception."""

    exception: str
    """`KeyError`, without its module."""
    origin: str
    """The file, as far as it says which one it is, and the line that raised, whoever wrote it."""
    steps: tuple[Step, ...] = ()
    """Through the project's own code, from the outside in; the last one is where it left it, or raised."""

    @property
    def place(self) -> Location | None:
        """The last line of the project's own code; `None` when none of it was on the way."""
        return self.steps[-1].location if self.steps else None

    @property
    def told(self) -> str:
        """As a report says it; the text of the exception may hold anything."""
        where = f" in {self.steps[-1].message}" if self.steps else f" in {self.origin.rpartition(':')[0]}"
        return f"`{self.exception}`{where}"


def raised(log: str, folder: Path) -> Raised | None:
    """The last whole traceback of a log, also where it stands within a line of JSON; `None` when there is none."""
    lines = log.replace("\\n", "\n").replace('\\"', '"').splitlines()
    starts = [number for number, line in enumerate(lines) if line.endswith(HEADER) and "|" not in line]
    for start in reversed(starts):
        found = _read(lines[start + 1 :], folder)
        if found:
            return found
    return None


def _read(lines: Sequence[str], folder: Path) -> Raised | None:
    frames: list[tuple[str, int, str]] = []
    for line in lines:
        if frame := FRAME.fullmatch(line):
            frames.append((frame[1], int(frame[2]), frame[3].strip()))
        elif line[:1] not in ("", " "):
            ended = RAISED.match(line)
            if ended is None or not frames:
                return None
            file, number, _ = frames[-1]
            return Raised(
                ended[1].rpartition(".")[2], f"{_short(file)}:{number}", tuple(_steps(frames, folder))[-STEPS:]
            )
    return None


def _steps(frames: Sequence[tuple[str, int, str]], folder: Path) -> Iterator[Step]:
    for file, line, function in frames:
        own = own_path(file, folder)
        if own is not None and line > 0 and function.isprintable():
            yield Step(Location(own, line), f"`{function[:NAME]}`")


def _short(file: str) -> str:
    """The last three parts: where packages are installed differs from machine to machine."""
    return "".join(each if each.isprintable() else "?" for each in "/".join(PurePath(file).parts[-3:]))
