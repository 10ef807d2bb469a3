"""How text takes place on a terminal: hostile characters made visible, wide ones counted, colour added last."""

import unicodedata
from collections.abc import Iterator
from itertools import accumulate, takewhile

from fastapi_audit.reports import Look

BOLD, DIM, RED, GREEN, YELLOW, BLUE, CYAN = "1", "2", "31", "32", "33", "34", "36"

INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories that move the cursor, reorder or hide text: nothing of the audited project may do that."""

TAB = "    "


def visible(text: str) -> str:
    """The text on one line, with every character that is not plainly visible written as its escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(cell(character) for character in text)


def cell(character: str) -> str:
    """How one character is printed."""
    if unicodedata.category(character) not in INVISIBLE:
        return character
    return TAB if character == "\t" else character.encode("unicode_escape").decode("ascii")


def columns(text: str) -> int:
    """How many columns a visible text takes."""
    return len(text) if text.isascii() else sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """The text, ended by an ellipsis where it would take more columns than `width`."""
    if columns(text) <= width:
        return text
    taken = accumulate(map(_columns, text))
    kept = sum(1 for _ in takewhile(lambda so_far: so_far < width, taken))
    return f"{text[:kept]}…"


def padded(text: str, width: int) -> str:
    """The text, filled with spaces to `width` columns."""
    return text + " " * (width - columns(text))


def wrapped(text: str, width: int, indent: str = "") -> Iterator[str]:
    """The words of a text on lines of at most `width` columns; only a word that is longer alone exceeds it."""
    line = ""
    for word in visible(" ".join(text.split())).split(" "):
        if line and columns(indent) + columns(line) + 1 + columns(word) > width:
            yield indent + line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield indent + line


def painted(text: str, look: Look, *codes: str) -> str:
    """The text in colour, where the terminal takes it."""
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if look.colour and text else text
