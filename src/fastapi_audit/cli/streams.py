"""Where output goes: the report on stdout or in a file, everything else on stderr; colour only where it is wanted."""

import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

from fastapi_audit.errors import UsageError
from fastapi_audit.replacing import replace_files
from fastapi_audit.reports import Look

NARROWEST, WIDEST = 60, 120
"""Columns; beyond the widest, lines are hard to read."""


def look(stream: TextIO) -> Look:
    """What the stream can show."""
    # Not a terminal and no COLUMNS: 80, so that a piped report is the same everywhere.
    width = shutil.get_terminal_size((80, 24)).columns
    return Look(_colour(stream), _unicode(stream), max(NARROWEST, min(width, WIDEST)))


def _colour(stream: TextIO) -> bool:
    """NO_COLOR, then FORCE_COLOR, then whether it is a terminal that knows colour."""
    if os.environ.get("NO_COLOR"):
        return False
    if any(os.environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _unicode(stream: TextIO) -> bool:
    try:
        "█░…·".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def say_report(text: str, *, for_people: bool) -> None:
    """Writes a report to stdout, in the way its reader takes it."""
    (say if for_people else say_document)(text)


def say(text: str) -> None:
    """Writes a report to stdout, whole."""
    encoding = sys.stdout.encoding or "utf-8"
    # File names and sources may hold what the terminal's encoding lacks; that must not cost the report.
    _to_stdout(text.encode(encoding, "backslashreplace"))


def say_document(text: str) -> None:
    """Writes a machine format to stdout as UTF-8, whatever the locale says."""
    _to_stdout(_encoded(text))


def _to_stdout(content: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python would try once more at its end, and complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # The reader may have gone, as with `| head`; the exit code still tells what was found.
        if not isinstance(error, BrokenPipeError):
            message = f"stdout: the report cannot be written: {error.strerror}"
            raise UsageError(message) from None


def warn(text: str) -> None:
    """One line of progress or warning on stderr."""
    from fastapi_audit.reports.cells import visible  # noqa: PLC0415  most runs have nothing to say

    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(visible(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")


def save(path: Path, text: str, what: str = "the report") -> None:
    """Writes a file, so that a reader sees the old one or the new one, never half of it."""
    try:
        # A device or a pipe, such as /dev/stdout, is written to; only a file can be replaced.
        if path.exists() and not path.is_file():
            path.write_bytes(_encoded(text))
        else:
            replace_files({path.resolve(): _encoded(text)})
    except OSError as error:
        message = f"{path}: {what} cannot be written: {error.strerror}"
        raise UsageError(message) from None


def _encoded(text: str) -> bytes:
    """UTF-8; half characters, from file names that are not UTF-8, become the replacement character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
