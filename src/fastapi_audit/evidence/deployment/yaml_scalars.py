"""What a YAML scalar means without quotes, escapes, folds and indentation, each character still with its place."""

from contextlib import suppress

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
WIDTHS = {"x": 2, "u": 4, "U": 8}

SURROGATES = range(0xD800, 0xE000)

Reading = tuple[str, tuple[int, ...]]
"""A value, and the index in what is written of each of its characters."""


def _reading(kept: list[tuple[str, int]]) -> Reading:
    return "".join(character for character, _ in kept), tuple(index for _, index in kept)


def folded(raw: str, base: int = 0) -> Reading:
    """A flow scalar over several lines: line breaks and the blanks around them become one space."""
    kept: list[tuple[str, int]] = []
    lines, start, breaks = raw.split("\n"), base, 0
    for number, line in enumerate(lines):
        inner = line.lstrip() if number else line
        skipped = len(line) - len(inner)
        inner = inner.rstrip() if number < len(lines) - 1 else inner
        if number and (inner or number == len(lines) - 1):
            kept.extend((("\n", start - 1),) * (breaks - 1) or ((" ", start - 1),))
            breaks = 0
        kept.extend((character, start + skipped + place) for place, character in enumerate(inner))
        start += len(line) + 1
        breaks += 1
    return _reading(kept)


def single_quoted(raw: str) -> Reading:
    value, offsets = folded(raw[1:-1], 1)
    kept: list[tuple[str, int]] = []
    doubled = False
    for character, offset in zip(value, offsets, strict=True):
        doubled = character == "'" and not doubled
        if doubled or character != "'":
            kept.append((character, offset))
    return _reading(kept)


def double_quoted(raw: str) -> Reading:
    value, offsets = folded(raw[1:-1], 1)
    kept: list[tuple[str, int]] = []
    index = 0
    while index < len(value):
        character, offset = value[index], offsets[index]
        index += 1
        if character == "\\" and index < len(value):
            code = value[index]
            if raw[offsets[index]] == "\n":  # an escaped line break joins the lines
                index += 1
                continue
            width = WIDTHS.get(code, 0)
            digits = value[index + 1 : index + 1 + width]
            character = _code_point(digits) if width else ESCAPES.get(code, code)
            index += 1 + width
        kept.append((character, offset))
    return _reading(kept)


def _code_point(digits: str) -> str:
    with suppress(ValueError, OverflowError):
        number = int(digits, 16)
        # Half of a surrogate pair is no character, and no encoder takes it.
        if number not in SURROGATES:
            return chr(number)
    return "�"


def block(raw: str) -> Reading:
    """A literal (`|`) or folded (`>`) scalar, without its indentation."""
    head, _, _ = raw.partition("\n")
    lines = _block_lines(raw, len(head) + 1)
    folded, keep = head.startswith(">"), "+" in head
    kept: list[tuple[str, int]] = []
    for number, (start, line) in enumerate(lines):
        kept.extend((character, start + place) for place, character in enumerate(line))
        following = lines[number + 1][1] if number + 1 < len(lines) else ""
        joins = folded and line and following and not (line[0] in " \t" or following[0] in " \t")
        kept.append((" " if joins else "\n", start + len(line)))
    while not keep and kept and kept[-1][0] == "\n":
        kept.pop()
    return _reading(kept)


def _block_lines(raw: str, start: int) -> list[tuple[int, str]]:
    """Where each line begins after its indentation, and the line."""
    found: list[tuple[int, str]] = []
    for line in raw[start:].split("\n"):
        found.append((start, line.removesuffix("\r")))
        start += len(line) + 1
    indent = min((len(line) - len(line.lstrip(" ")) for _, line in found if line.strip()), default=0)
    return [(start + min(indent, len(line)), line[indent:]) for start, line in found]
