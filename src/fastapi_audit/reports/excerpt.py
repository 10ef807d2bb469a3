"""The lines of source that a finding points at, numbered and underlined."""

from collections.abc import Callable, Iterator

from fastapi_audit.lines import lines_of
from fastapi_audit.model import Location
from fastapi_audit.reports import Look
from fastapi_audit.reports.cells import BLUE, DIM, cell, columns, cut, painted

WINDOW = 400
"""Code points of one line that are looked at; generated files have lines of megabytes."""

SHOWN = 30
"""Code points of what is underlined that are worth losing the start of the line for."""


class Excerpts:
    """Excerpts of the project's files, each file split once."""

    def __init__(self, text: Callable[[str], str | None], look: Look) -> None:
        self.text = text
        self.look = look
        self.files: dict[str, list[str]] = {}

    def at(self, place: Location, code: str) -> Iterator[str]:
        """The line before, the line itself and the underline in a colour; nothing when it is empty or not at hand."""
        lines = self._lines(place.path)
        if not (0 < place.line <= len(lines) and lines[place.line - 1].strip()):
            return
        gutter = len(str(place.line))
        if place.line > 1 and lines[place.line - 2].strip():
            yield self._numbered(place.line - 1, gutter, _cells(lines[place.line - 2][:WINDOW]))
        line = lines[place.line - 1]
        start, end = _underlined(place, line)
        skipped = max(0, start - WINDOW // 2)
        cells = _cells(line[skipped : skipped + WINDOW])
        room = self.look.width - gutter - 7
        first, last = start - skipped, min(end - skipped, len(cells))
        whole = len(cells)
        while first > 1 and columns("".join(cells[: min(last, first + SHOWN)])) > room:
            cells, first, last = cells[1:], first - 1, last - 1
        if skipped or len(cells) < whole:
            cells[0] = "…"
        yield self._numbered(place.line, gutter, cells)
        before = columns("".join(cells[:first]))
        carets = max(min(columns("".join(cells[first:last])), room - before), 1)
        bar = painted(f"    {' ' * gutter} | ", self.look, DIM)
        yield bar + " " * before + painted("^" * carets, self.look, code)

    def _lines(self, path: str) -> list[str]:
        if path not in self.files:
            self.files[path] = lines_of(self.text(path) or "")
        return self.files[path]

    def _numbered(self, number: int, gutter: int, cells: list[str]) -> str:
        source = cut("".join(cells).rstrip(), self.look.width - gutter - 7)
        return f"{painted(f'    {number:>{gutter}} | ', self.look, BLUE)}{source}".rstrip()


def _cells(line: str) -> list[str]:
    return [cell(character) for character in line]


def _underlined(place: Location, line: str) -> tuple[int, int]:
    """Code points from 0; what goes on over several lines is underlined to the end of the first."""
    start = min(max(place.column - 1, 0), len(line))
    same_line = place.end_line in (None, place.line) and place.end_column is not None
    end = place.end_column - 1 if same_line and place.end_column else len(line.rstrip())
    return start, max(end, start)
