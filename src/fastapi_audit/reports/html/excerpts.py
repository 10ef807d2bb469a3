"""Source lines as a page shows them: numbered, the finding marked, nothing hidden."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fastapi_audit.lines import lines_of
from fastapi_audit.model import Location
from fastapi_audit.reports.cells import visible

AROUND = 2
"""Lines shown before and after the one that is marked."""

WIDEST = 400
"""Code points of a line; generated files have lines of megabytes."""


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line, split where the finding starts and ends."""

    number: int
    before: str
    marked: str
    after: str


class Excerpts:
    """Of the project's files, each file split once."""

    def __init__(self, text: Callable[[str], str | None]) -> None:
        self.text = text
        self.files: dict[str, list[str]] = {}

    def at(self, place: Location) -> Iterator[SourceLine]:
        """The lines around a place; nothing when they are not at hand, or the place is an empty line."""
        lines = self._lines(place.path)
        if not (0 < place.line <= len(lines) and lines[place.line - 1].strip()):
            return
        for number in range(max(1, place.line - AROUND), min(len(lines), place.line + AROUND) + 1):
            line = lines[number - 1].rstrip("\r\n")
            if number == place.line:
                yield _marked(place, line)
            else:
                yield SourceLine(number, visible(line[:WIDEST]), "", "")

    def _lines(self, path: str) -> list[str]:
        if path not in self.files:
            self.files[path] = lines_of(self.text(path) or "")
        return self.files[path]


def _marked(place: Location, line: str) -> SourceLine:
    start = min(max(place.column - 1, 0), len(line))
    ends_here = place.end_line in (None, place.line) and place.end_column is not None
    end = max(place.end_column - 1 if ends_here and place.end_column else len(line), start)
    skipped = max(0, start - WIDEST // 2)
    before = ("…" if skipped else "") + visible(line[skipped:start])
    return SourceLine(place.line, before, visible(line[start : min(end, start + WIDEST)]), visible(line[end:][:WIDEST]))
