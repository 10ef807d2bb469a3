"""Which files git tracks, read from its index: git is not run, for a hostile repository tells it what to run."""

import struct
from collections.abc import Iterator
from pathlib import Path

LARGEST = 64_000_000
HEADER, ENTRY, FLAGS_AT = 12, 62, 60
LONG_NAME, EXTENDED = 0x0FFF, 0x4000
NEWEST = 4
LONGEST_NUMBER = 5
"""Bytes."""


def tracked(root: Path) -> frozenset[str] | None:
    """Every tracked path below the root; `None` when no readable index stands there."""
    index = root / ".git" / "index"
    try:
        if (root / ".git").is_symlink() or index.is_symlink() or not index.is_file() or index.stat().st_size > LARGEST:
            return None
        content = index.read_bytes()
        signature, version, count = struct.unpack(">4sLL", content[:HEADER])
        if signature != b"DIRC" or version not in range(2, NEWEST + 1):
            return None
        return frozenset(name.decode("utf-8", "replace") for name in _names(content, version, count))
    except (OSError, struct.error, ValueError, IndexError):
        return None


def _names(content: bytes, version: int, count: int) -> Iterator[bytes]:
    position, previous = HEADER, b""
    for _ in range(count):
        start = position
        (flags,) = struct.unpack_from(">H", content, position + FLAGS_AT)
        position += ENTRY + (2 if version > 2 and flags & EXTENDED else 0)  # noqa: PLR2004  version 3 brought them
        if version == NEWEST:
            cut, position = _offset(content, position)
            end = content.index(b"\0", position)
            previous = previous[: len(previous) - cut] + content[position:end]
            position = end + 1
        else:
            end = content.index(b"\0", position)
            previous = content[position:end]
            # Entries are padded with one to eight zero bytes to a multiple of eight.
            position = start + ((end - start) // 8 + 1) * 8
        yield previous


def _offset(content: bytes, position: int) -> tuple[int, int]:
    """A variable-width number as in pack files, and the position after it."""
    byte, start = content[position], position
    value = byte & 0x7F
    while byte & 0x80:
        if position - start > LONGEST_NUMBER:
            message = "a number of the index has no end"
            raise ValueError(message)
        position += 1
        byte = content[position]
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, position + 1
