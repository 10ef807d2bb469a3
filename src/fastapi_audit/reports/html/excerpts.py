"""Source lines and diffs as a page shows them: numbered, the finding marked, nothing hidden."""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fastapi_audit.lines import lines_of
from fastapi_audit.model import Fix, Location
from fastapi_audit.reports.cells import visible

AROUND = 2
"""Lines shown before and after the one that is marked."""

WIDEST = 400
"""Code points of a line; generated files have lines of megabytes."""

LONGEST_DIFF = 60
"""Lines."""


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line, split where the finding starts and ends."""

    number: int
    before: str
    marked: str
    after: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a fix."""

    kind: str
    """`added`, `removed` or `kept`."""
    text: str


class Excerpts:
    """Of the project's files, each file split once."""

    def __init__(self, text: Callable[[str], str | None]) -> None:
        self.text = text
        self.files: dict[str, list[str]] = {}

    def at(self, place: Location) -> Iterator[SourceLine]:
        """The lines around a place; nothing when the file is not at hand."""
        lines = self._lines(place.path)
        if not 0 < place.line <= len(lines):
            return
        for number in range(max(1, place.line - AROUND), min(len(lines), place.line + AROUND) + 1):
            line = lines[number - 1].rstrip("\r\n")
            if number == place.line:
                yield _marked(place, line)
            else:
                yield SourceLine(number, visible(line[:WIDEST]), "", "")

    def diff(self, fix: Fix) -> Iterator[DiffLine]:
        """What the fix changes, file by file, without the headers that name them twice."""
        for path in sorted({edit.path for edit in fix.edits}):
            text = self.text(path)
            if text is None:
                continue
            changed = text
            for edit in sorted((edit for edit in fix.edits if edit.path == path), key=lambda e: -e.start):
                changed = changed[: edit.start] + edit.new + changed[edit.end :]
            told = difflib.unified_diff(text.splitlines(), changed.splitlines(), lineterm="", n=1)
            yield from (_diff_line(line) for line in list(told)[2:LONGEST_DIFF])

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


def _diff_line(line: str) -> DiffLine:
    kinds = {"+": "added", "-": "removed"}
    return DiffLine(kinds.get(line[:1], "kept"), visible(line[:WIDEST]))
