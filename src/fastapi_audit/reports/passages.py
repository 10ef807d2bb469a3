"""The lines of source that findings speak of: a scorecard carries them, so that a later report can show them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.lines import BREAK
from fastapi_audit.reports import severity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fastapi_audit.model import Edit, Finding, Location, Scorecard

AROUND = 2
"""Lines before and after the one that a finding points at."""

LONGEST = 60
"""Lines for one place or edit."""

WIDEST = 1_000
"""Code points of a line that is carried; generated files have lines of megabytes."""

MOST = 2_000_000
"""Code points that a scorecard carries; the worst findings come first."""

LARGEST = 64_000_000
"""Code points of all files that are laid out again; nobody who audits a project comes near it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Whole lines as they stand in a file, line ends included."""

    line: int
    start: int
    """Code points before it."""
    text: str

    @property
    def end(self) -> int:
        """Code points to its end."""
        return self.start + len(self.text)

    @property
    def next_line(self) -> int:
        """The line that follows."""
        return self.line + len(BREAK.findall(self.text))

    @property
    def lines(self) -> Iterator[Passage]:
        """Each of its lines as a passage."""
        start = 0
        for line, found in enumerate(BREAK.finditer(self.text), self.line):
            yield Passage(line, self.start + start, self.text[start : found.end()])
            start = found.end()
        if start < len(self.text):
            yield Passage(self.next_line, self.start + start, self.text[start:])


Sources = dict[str, tuple[Passage, ...]]  # path → what is known of the file, in its order


def passages(card: Scorecard, text: Callable[[str], str | None]) -> Sources:
    """What the findings, the ways to them, their fixes and the routes speak of, as far as there is room."""
    files = _Files(text)
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    room = MOST
    for path, line in _places(card, files):
        file = files.at(path)
        if file is None or not file.carries(line) or line in wanted[path]:
            continue
        room -= file.length(line)
        if room < 0:
            break
        wanted[path].add(line)
    found = ((path, lines, files.at(path)) for path, lines in sorted(wanted.items()) if lines)
    return {path: tuple(_joined(file, sorted(lines))) for path, lines, file in found if file}


def _places(card: Scorecard, files: _Files) -> Iterator[tuple[str, int]]:
    """The worst first; a probe that is merged later speaks of the handlers of routes."""
    for finding in sorted(card.findings, key=lambda f: (not f.counts, severity_of(f).rank, f.order)):
        yield from _lines(finding, files)
    for route in card.routes:
        if route.location:
            yield from _around(route.location)


class _Files:
    """Of the project, each opened once."""

    def __init__(self, text: Callable[[str], str | None]) -> None:
        self.text = text
        self.opened: dict[str, _File | None] = {}

    def at(self, path: str) -> _File | None:
        if path not in self.opened:
            content = self.text(path)
            self.opened[path] = None if content is None else _File(content)
        return self.opened[path]


class _File:
    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(end.end() for end in BREAK.finditer(text)), len(text)]

    def length(self, line: int) -> int:
        return self.starts[line] - self.starts[line - 1]

    def carries(self, line: int) -> bool:
        """Whether there is such a line, of a length that a reader could read."""
        return 0 < line < len(self.starts) and 0 < self.length(line) <= WIDEST

    def line_of(self, offset: int) -> int:
        return bisect_right(self.starts, offset, 0, len(self.starts) - 1)

    def passage(self, first: int, last: int) -> Passage:
        start = self.starts[first - 1]
        return Passage(first, start, self.text[start : self.starts[last]])


def _lines(finding: Finding, files: _Files) -> Iterator[tuple[str, int]]:
    if finding.location:
        yield from _around(finding.location)
    for step in finding.trace:
        yield step.location.path, step.location.line
    for edit in finding.fix.edits if finding.fix else ():
        file = files.at(edit.path)
        if file is not None:
            yield from _of_edit(edit, file)


def _around(place: Location) -> Iterator[tuple[str, int]]:
    yield from ((place.path, line) for line in range(place.line - AROUND, place.line + AROUND + 1))
    if place.end_line:
        yield place.path, place.end_line


def _of_edit(edit: Edit, file: _File) -> Iterator[tuple[str, int]]:
    first, last = file.line_of(edit.start) - 1, file.line_of(edit.end) + 1
    yield from ((edit.path, line) for line in range(first, min(last, first + LONGEST) + 1))


def _joined(file: _File, lines: Sequence[int]) -> Iterator[Passage]:
    """Lines that follow one another as one passage."""
    first = last = 0
    for line in lines:
        if first and line > last + 1:
            yield file.passage(first, last)
            first = 0
        first, last = first or line, line
    yield file.passage(first, last)


class Layout:
    """Files as far as passages tell them: each line and each offset where it was, blank between."""

    def __init__(self, sources: Sequence[Mapping[str, Sequence[Passage]]]) -> None:
        self.sources = sources
        self.files: dict[str, str | None] = {}
        self.room = LARGEST

    def text(self, path: str) -> str | None:
        """`None` where no passage tells of the file, or where they contradict each other."""
        if path not in self.files:
            told = self._told(path)
            self.room -= told[-1].end if told else 0
            self.files[path] = "".join(_laid_out(told)) if told and self.room >= 0 else None
        return self.files[path]

    def _told(self, path: str) -> Sequence[Passage]:
        """By all runs together where they have read the same file, else by the first of them."""
        known = [list(source[path]) for source in self.sources if path in source]
        together = sorted({line for passages in known for passage in passages for line in passage.lines}, key=_place)
        return next((told for told in (together, *known) if _fit(told)), ())


def _place(passage: Passage) -> tuple[int, int]:
    return passage.line, passage.start


def _fit(passages: Iterable[Passage]) -> bool:
    """Whether each begins on a line of its own, behind the one before; another hand may have written them."""
    line, end = 1, 0
    for passage in passages:
        ends, gap = passage.line - line, passage.start - end
        if not 0 <= ends <= gap or (gap and not ends):
            return False
        line, end = passage.next_line, passage.end
    return True


def _laid_out(passages: Iterable[Passage]) -> Iterator[str]:
    line, end = 1, 0
    for passage in passages:
        ends, gap = passage.line - line, passage.start - end
        yield " " * (gap - ends) + "\n" * ends + passage.text
        line, end = passage.next_line, passage.end
