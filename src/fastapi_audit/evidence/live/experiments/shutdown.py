"""What the service does when it is told to stop: whether it ends, cleanly, and answers what is under way."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import Experiment, NotPossible, Phase, Session
from fastapi_audit.model import EvidenceKind, Observation

GRACE_SECONDS = 10.0
"""What compose gives a container between SIGTERM and SIGKILL."""
MOST_OPERATIONS = 15
SLOW_SECONDS, SLOWEST_SECONDS = 0.2, 4.0
"""Of a request that can be under way when the signal comes."""
AHEAD_SECONDS = 0.1
LINES = 6


@dataclass(frozen=True, slots=True)
class Shutdown:
    """One SIGTERM."""

    seconds: float
    """Until it was gone; `inf` when it had to be killed."""
    printed: str
    """Since the signal."""
    before: Exchange | None = None
    """A request of the kind that was under way, before; `None` where none takes long enough."""
    during: Exchange | None = None
    """The one that was."""

    @property
    def hangs(self) -> bool:
        """Whether it was still there after the grace period."""
        return math.isinf(self.seconds)

    @property
    def fails(self) -> bool:
        """Whether what it does at the end ended in an exception."""
        return "Application shutdown failed" in self.printed

    @property
    def cut(self) -> Exchange | None:
        """The request under way, when it did not get the answer that it gets otherwise."""
        kept = self.before is None or self.during is None or self.during.status == self.before.status
        return None if kept or self.hangs else self.during

    def observation(self, message: str) -> Observation:
        """With the last that it printed."""
        lines = [line for line in self.printed.splitlines() if line.strip()][-LINES:]
        return Observation(EvidenceKind.LIVE, message, response="\n".join(lines))


async def observe(session: Session) -> AsyncIterator[Shutdown]:
    """Sends SIGTERM while a slow request is under way, if there is one."""
    import asyncio  # noqa: PLC0415  a scan imports this module

    if session.server is None or session.client.budget.seconds_left < GRACE_SECONDS + 1:
        message = "too little time is left to see it stop; raise --max-time"
        raise NotPossible(message)
    operation, before = await _slow(session)
    if operation is None:
        session.extents[Shutdown] = f"no request was under way: none takes {SLOW_SECONDS:g} s"
    printed = session.server.printed
    during = asyncio.create_task(session.call(operation)) if operation else None
    await asyncio.sleep(AHEAD_SECONDS)
    seconds = await asyncio.to_thread(session.server.stop, GRACE_SECONDS)
    yield Shutdown(seconds, session.server.printed_since(printed), before, await during if during else None)


async def _slow(session: Session) -> tuple[ServedOperation | None, Exchange | None]:
    """The slowest reading that answers well, when it is slow enough."""
    answers = {}
    for operation in [*session.safe_operations][:MOST_OPERATIONS]:
        answer = await session.call(operation, timeout_s=SLOWEST_SECONDS)
        if answer.ok and answer.seconds >= SLOW_SECONDS:
            answers[operation] = answer
    slowest = max(answers, key=lambda each: answers[each].seconds, default=None)
    return slowest, answers[slowest] if slowest else None


experiment = Experiment(Shutdown, observe, phase=Phase.END, needs_launch=True)
