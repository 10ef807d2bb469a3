"""What the watchdog inside a server that we started has seen of its event loop, and how it gets there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi_audit.evidence.live.own_code import own_path
from fastapi_audit.model import Location, Step

FOLDER = Path(__file__).with_name("watchdog")
VARIABLE = "FASTAPI_AUDIT_STALLS"
READ_LIMIT = 4_000_000
STEPS = 12
NAME = 120


@dataclass(frozen=True, slots=True)
class Stall:
    """The event loop did not come round for so long, and the project's own code that stood on its thread."""

    seconds: float
    steps: tuple[Step, ...] = ()
    """From the outside in; the last one is the line that waited."""

    @property
    def place(self) -> Location | None:
        """The line of the project that waited; `None` when none of its code was on the stack."""
        return self.steps[-1].location if self.steps else None


def watched(environment: Mapping[str, str], told: Path) -> dict[str, str]:
    """The environment of a server with the watchdog in it, which sleeps until the file is there."""
    path = environment.get("PYTHONPATH", "")
    return {**environment, "PYTHONPATH": f"{FOLDER}:{path}" if path else str(FOLDER), VARIABLE: str(told)}


@dataclass(slots=True)
class Watch:
    """Reads what the watchdog writes; the server is hostile, and so is the file."""

    told: Path
    folder: Path
    """The application's."""
    read: int = field(default=0, init=False)

    def begin(self) -> None:
        """Wakes the watchdog."""
        self.told.touch()

    def end(self) -> None:
        """Lets it sleep again."""
        self.told.unlink(missing_ok=True)
        self.read = 0

    def stalls(self) -> tuple[Stall, ...]:
        """Those since the last time."""
        try:
            with self.told.open("rb") as file:
                file.seek(self.read)
                text = file.read(READ_LIMIT)
        except OSError:
            return ()
        whole = text[: text.rfind(b"\n") + 1]
        self.read += len(whole)
        return tuple(self._parsed(whole.decode(errors="replace")))

    def _parsed(self, text: str) -> Iterator[Stall]:
        for line in text.splitlines():
            try:
                told = json.loads(line)
                seconds, frames = float(told["seconds"]), told["frames"]
                steps = tuple(step for each in frames for step in self._step(each))
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                continue
            yield Stall(seconds, steps[-STEPS:])

    def _step(self, frame: Any) -> Iterator[Step]:
        file, line, function = frame
        if not isinstance(file, str) or not isinstance(line, int) or not isinstance(function, str):
            return
        own = own_path(file, self.folder)
        if own is not None and line > 0 and function.isprintable():
            yield Step(Location(own, line), f"`{function[:NAME]}`")
