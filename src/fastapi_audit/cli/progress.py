"""What a probe is doing, on one line of stderr that is written over; nothing when nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi_audit.cli.streams import look
from fastapi_audit.evidence import Progress
from fastapi_audit.reports.cells import cut, visible

CLEAR = "\r\x1b[K"


@contextmanager
def progress() -> Iterator[Progress | None]:
    """The line, gone again at the end."""
    if not sys.stderr.isatty():
        yield None
        return

    def tell(what: str, requests: int, seconds_left: float) -> None:
        line = f"probing: {visible(what)} · {requests} requests · {seconds_left:.0f} s left"
        sys.stderr.write(CLEAR + cut(line, look(sys.stderr).width - 1))
        sys.stderr.flush()

    try:
        yield tell
    finally:
        sys.stderr.write(CLEAR)
        sys.stderr.flush()
