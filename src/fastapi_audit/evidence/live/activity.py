"""How busy a process is while nobody asks anything of it, as Linux counts it."""

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

READ_LIMIT = 8_000
SWITCHES = re.compile(r"^voluntary_ctxt_switches:\s+(\d+)$", re.MULTILINE)
TICKS_PER_SECOND = 100
"""What every Linux says of `/proc` that Python runs on."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a process has done so far."""

    at: float
    """When it was looked at, seconds."""
    wakes: int
    """How often its main thread has gone to sleep, and so been woken."""
    processor_s: float
    """Seconds of a processor that it has used."""

    @classmethod
    def of(cls, process: int) -> "Activity | None":
        """`None` where the system does not tell, or the process is gone."""
        if sys.platform != "linux":
            return None
        folder = Path("/proc") / str(process)
        try:
            status, stat = ((folder / name).read_text("utf-8", "replace")[:READ_LIMIT] for name in ("status", "stat"))
        except OSError:
            return None
        # The name of the process, in brackets, may hold anything.
        fields = stat.rpartition(")")[2].split()
        found = SWITCHES.search(status)
        ticks = int(fields[11]) + int(fields[12])
        return cls(time.monotonic(), int(found[1]) if found else 0, ticks / TICKS_PER_SECOND)

    def since(self, before: "Activity") -> "Pace":
        """What it did in between, by the second."""
        seconds = self.at - before.at
        return Pace((self.wakes - before.wakes) / seconds, (self.processor_s - before.processor_s) / seconds)


@dataclass(frozen=True, slots=True)
class Pace:
    """How busy a process was for a while."""

    wakes: float
    """By the second."""
    processor: float
    """The share of one processor, 1 is all of it."""
