"""GitHub's `primaryLocationLineHash`: a line is known again by the text that follows it, wherever it moves.

The public algorithm of codeql-action (`fingerprints.ts`): over UTF-16 code units without spaces and tabs, line ends
made one, each line has the polynomial hash of the 100 units from its start.
"""

from array import array
from collections import Counter
from sys import byteorder

WINDOW = 100
FACTOR = 37
MASK = (1 << 64) - 1
SPACES = str.maketrans("", "", " \t")
LINE_FEED = ord("\n")
END_OF_FILE = 0xFFFF

WEIGHTS = tuple(pow(FACTOR, WINDOW - 1 - place, MASK + 1) for place in range(WINDOW))
"""What each unit of a window is multiplied by; units that the file has not are 0."""


class LineHashes:
    """Of one file; only the lines that are asked for are hashed."""

    def __init__(self, text: str) -> None:
        kept, starts = _kept(text)
        self.windows = [kept[start : start + WINDOW].tobytes() for start in starts]
        seen: Counter[bytes] = Counter()
        self.numbers: list[int] = []
        for window in self.windows:
            seen[window] += 1
            self.numbers.append(seen[window])

    def of(self, line: int) -> str | None:
        """`hash:n` of a line from 1, n counting the lines of the file so far that have the same hash."""
        if not 0 < line <= len(self.windows):
            return None
        return f"{_hashed(self.windows[line - 1]):x}:{self.numbers[line - 1]}"


def _hashed(window: bytes) -> int:
    units: array[int] = array("H", window)
    return sum(unit * weight for unit, weight in zip(units, WEIGHTS, strict=False)) & MASK


def _kept(text: str) -> tuple["array[int]", list[int]]:
    """The units that are hashed, and where in them each line starts."""
    # In this order: a space between CR and LF parts two line ends.
    plain = text.replace("\r\n", "\n").replace("\r", "\n").translate(SPACES)
    units = array("H", plain.encode(f"utf-16-{byteorder[0]}e", "surrogatepass"))
    units.append(END_OF_FILE)
    return units, [0, *(place + 1 for place, unit in enumerate(units) if unit == LINE_FEED)]
