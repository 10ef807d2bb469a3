"""Waiting for what other processes do, without a guess at how long a busy machine takes."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def alive(process: int) -> bool:
    """Whether the process still runs; one that has ended and that its parent has not yet reaped does not."""
    try:
        os.kill(process, 0)
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # There is no /proc here, or it was reaped between the two.
        return not Path("/proc/self/stat").is_file()
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Returns as soon as it has happened; fails when it has not by then."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
