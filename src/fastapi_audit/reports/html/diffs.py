"""A fix as a page shows it: the lines that it changes with one around them, nothing hidden."""

import difflib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from fastapi_audit.lines import BREAK, lines_of
from fastapi_audit.model import Edit, Fix
from fastapi_audit.reports.cells import visible

WIDEST = 400
"""Code points of a line; generated files have lines of megabytes."""

LONGEST = 60
"""Lines."""

HEADER = re.compile(r"^@@ -(\d+)(\S*) \+(\d+)")


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a fix."""

    kind: str
    """`added`, `removed` or `kept`."""
    text: str


class Diffs:
    """Of the project's files, each file looked through once."""

    def __init__(self, text: Callable[[str], str | None]) -> None:
        self.text = text
        self.starts: dict[str, list[int]] = {}

    def of(self, fix: Fix) -> Iterator[DiffLine]:
        """What the fix changes, file by file, without the headers that name them; nothing where the file is another."""
        if all(self._fits(edit) for edit in fix.edits):
            for path in sorted({edit.path for edit in fix.edits}):
                edits = sorted((edit for edit in fix.edits if edit.path == path), key=lambda edit: edit.start)
                yield from islice(self._file(path, edits), LONGEST)

    def _fits(self, edit: Edit) -> bool:
        text = self.text(edit.path)
        return text is not None and edit.end <= len(text) and text.startswith(edit.old, edit.start)

    def _file(self, path: str, edits: Sequence[Edit]) -> Iterator[DiffLine]:
        text, starts = self.text(path) or "", self._starts(path)
        added = 0
        for first, last, together in _hunks(edits, starts):
            begin, end = starts[first], starts[last + 1] if last + 1 < len(starts) else len(text)
            old = new = text[begin:end]
            for edit in reversed(together):
                new = new[: edit.start - begin] + edit.new + new[edit.end - begin :]
            before, after = _lines(old), _lines(new)
            told = islice(difflib.unified_diff(before, after, lineterm="", n=1), 2, None)
            yield from (_line(_moved(line, first, first + added)) for line in told)
            added += len(after) - len(before)

    def _starts(self, path: str) -> list[int]:
        if path not in self.starts:
            self.starts[path] = [0, *(end.end() for end in BREAK.finditer(self.text(path) or ""))]
        return self.starts[path]


def _hunks(edits: Sequence[Edit], starts: list[int]) -> Iterator[tuple[int, int, list[Edit]]]:
    """First and last line, from 0, of what changes with a line before and after it: the whole file would take long."""
    together: list[Edit] = []
    first = last = 0
    for edit in edits:
        begin = max(bisect_right(starts, edit.start) - 2, 0)
        end = min(bisect_right(starts, edit.end), len(starts) - 1)
        if together and begin > last:
            yield first, last, together
            together = []
        if not together:
            first = begin
        together = [*together, edit]
        last = max(last, end)
    yield first, last, together


def _lines(text: str) -> list[str]:
    """Without the empty one that stands behind the last line end."""
    lines = lines_of(text)
    return lines if lines[-1] else lines[:-1]


def _moved(line: str, old: int, new: int) -> str:
    """A header with the line numbers of the file."""
    return HEADER.sub(lambda found: f"@@ -{int(found[1]) + old}{found[2]} +{int(found[3]) + new}", line)


def _line(line: str) -> DiffLine:
    kinds = {"+": "added", "-": "removed"}
    return DiffLine(kinds.get(line[:1], "kept"), visible(line[:WIDEST]))
