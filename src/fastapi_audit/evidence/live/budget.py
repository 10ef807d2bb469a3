"""One budget for a whole probe: the time, the number of requests and their pace; every request asks it."""

import asyncio
import time
from dataclasses import dataclass, field

from fastapi_audit.evidence.live.probing import Limits


class BudgetSpent(Exception):  # noqa: N818  it is the end of a probe, no error
    """The time or the requests of the probe are used up; the reason says which."""


@dataclass(slots=True)
class Budget:
    """Counts from when it was made."""

    limits: Limits
    requests: int = 0
    """Sent so far."""
    begun: float = field(default_factory=time.monotonic)
    next_slot: float = 0.0
    starting: float = 0.0
    """Seconds of it that the start of the application took."""

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.limits.max_time_s - self.seconds)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.begun

    @property
    def spent(self) -> str:
        """What is used up, as a reason; empty while there is some left."""
        if self.requests >= self.limits.max_requests:
            return f"the limit of {self.limits.max_requests} requests was reached; raise --max-requests"
        if not self.seconds_left:
            start = f", {self.starting:.0f} s of which the start took" if self.starting >= 1 else ""
            return f"the limit of {self.limits.max_time_s:g} s was reached{start}; raise --max-time"
        return ""

    def started(self) -> None:
        """Notes how long the start of the application took, which is part of the time."""
        self.starting = self.seconds

    def take(self) -> bool:
        """Takes one request without waiting, for a caller that keeps a timetable of its own; whether there was one."""
        if self.spent:
            return False
        self.requests += 1
        return True

    async def spend(self) -> None:
        """Takes one request and waits for its turn; raises `BudgetSpent`."""
        if not self.take():
            raise BudgetSpent(self.spent)
        now = time.monotonic()
        turn = max(now, self.next_slot)
        self.next_slot = turn + 1 / self.limits.rate
        if turn > now:
            await asyncio.sleep(turn - now)
