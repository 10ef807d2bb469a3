"""A file of the project and the stretches of it that facts stand on, for locations and exact edits."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi_audit.model import Edit, Location


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """The text of one deployment file."""

    path: str
    """POSIX, relative to the project root."""
    text: str = field(repr=False)
    starts: tuple[int, ...] = field(repr=False)
    """Where each line begins, in code points."""

    @classmethod
    def of(cls, path: str, text: str) -> "Document":
        """The document with its line index."""
        starts = [0]
        position = text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = text.find("\n", position + 1)
        return cls(path, text, tuple(starts))

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def span(self, start: int, end: int) -> "Text":
        """A stretch whose value is what is written."""
        return Text(self, start, end, self.text[start:end])

    def line(self, number: int) -> "Text":
        """A whole line without its line break; lines count from 1."""
        start = self.starts[number - 1]
        end = self.starts[number] - 1 if number < len(self.starts) else len(self.text)
        end -= self.text[start:end].endswith("\r")
        return self.span(start, end)


@dataclass(frozen=True, slots=True)
class Text:
    """A value and the stretch of a file that it stands on."""

    document: Document = field(repr=False, compare=False)
    start: int
    """In code points from the start of the file."""
    end: int
    """Exclusive."""
    value: str
    """What it means: without quotes, escapes and line continuations."""
    offsets: Sequence[int] = field(default=(), repr=False, compare=False)
    """For each character of the value, its offset in the file; empty when the value begins at `start` as written."""

    @property
    def raw(self) -> str:
        """Exactly as written, quotes included."""
        return self.document.text[self.start : self.end]

    @property
    def path(self) -> str:
        """The file, POSIX and relative to the project root."""
        return self.document.path

    @property
    def location(self) -> Location:
        """The place for a finding."""
        line, column = self.document.place(self.start)
        end_line, end_column = self.document.place(self.end)
        return Location(self.document.path, line, column, end_line, end_column)

    def offset(self, index: int) -> int:
        """Where in the file the character `index` of the value stands; the end for the length of the value."""
        if not self.offsets:
            return self.start + index
        return self.offsets[index] if index < len(self.offsets) else self.offsets[-1] + 1

    def part(self, first: int, last: int) -> "Text":
        """The stretch of `value[first:last]`."""
        start = self.offset(first)
        end = self.offset(last - 1) + 1 if last > first else start
        value = self.value[first:last]
        offsets = self.offsets[first:last]
        plain = not offsets or (offsets[0] == start and offsets[-1] - start == len(value) - 1)
        return Text(self.document, start, end, value, () if plain else offsets)

    def quoted(self, value: str, offsets: Sequence[int]) -> "Text":
        """The same stretch with another reading of it; the offsets are indices into this value."""
        if isinstance(offsets, range) and not self.offsets:
            moved: Sequence[int] = range(self.start + offsets.start, self.start + offsets.stop)
        else:
            moved = tuple(self.offset(i) for i in offsets)
        return Text(self.document, self.start, self.end, value, moved)

    def replaced(self, new: str) -> Edit:
        """Writes `new` in its place, quotes included."""
        return Edit(self.path, self.start, self.raw, new)

    def preceded_by(self, new: str) -> Edit:
        """Writes `new` directly before it."""
        return Edit(self.path, self.start, "", new)

    def followed_by(self, new: str) -> Edit:
        """Writes `new` directly after it."""
        return Edit(self.path, self.end, "", new)

    def next_line(self, new: str) -> Edit:
        """Writes `new` (without line breaks around it) as a line of its own after the line that it ends on."""
        stop = self.document.text.find("\n", self.end)
        if stop < 0:
            return Edit(self.path, len(self.document.text), "", f"\n{new}")
        return Edit(self.path, stop, "", f"\n{new}")

    def line_before(self, new: str) -> Edit:
        """Writes `new` (without line breaks around it) as a line of its own before the line that it begins on."""
        line, _ = self.document.place(self.start)
        return Edit(self.path, self.document.starts[line - 1], "", f"{new}\n")
