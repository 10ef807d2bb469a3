"""GitHub's `primaryLocationLineHash`: a line is known again by the text that follows it, wherever it moves.

The public algorithm of codeql-action (`fingerprints.ts`): over UTF-16 code units without spaces and tabs, line ends
made one, each line has the polynomial hash of the 100 units from its start.
"""

import struct
from collections import Counter
from collections.abc import Iterator

WINDOW = 100
FACTOR = 37
MASK = (1 << 64) - 1
SKIPPED = (ord(" "), ord("\t"))
CARRIAGE_RETURN, LINE_FEED = ord("\r"), ord("\n")
END_OF_FILE = 0xFFFF


def line_hashes(text: str) -> tuple[str, ...]:
    """`hash:n` for each line, n counting the lines of the file that have the same hash."""
    kept, starts = _kept(text)
    seen: Counter[str] = Counter()
    found = []
    for start in starts:
        value = 0
        for unit in (*kept[start : start + WINDOW], *[0] * (start + WINDOW - len(kept))):
            value = (value * FACTOR + unit) & MASK
        name = f"{value:x}"
        seen[name] += 1
        found.append(f"{name}:{seen[name]}")
    return tuple(found)


def _kept(text: str) -> tuple[list[int], list[int]]:
    """The units that are hashed, and where in them each line starts."""
    kept: list[int] = []
    starts = [0]
    for unit in _units(text):
        if unit in SKIPPED:
            continue
        kept.append(unit)
        if unit == LINE_FEED:
            starts.append(len(kept))
    kept.append(END_OF_FILE)
    return kept, starts


def _units(text: str) -> Iterator[int]:
    """UTF-16 code units, CR and CRLF as LF."""
    encoded = text.encode("utf-16-le", "surrogatepass")
    after_return = False
    for (unit,) in struct.iter_unpack("<H", encoded):
        if not (unit == LINE_FEED and after_return):
            yield LINE_FEED if unit == CARRIAGE_RETURN else unit
        after_return = unit == CARRIAGE_RETURN
