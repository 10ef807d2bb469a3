"""Whether the service answers others while one operation takes its time: fast requests are sent beside a slow one."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import Experiment, NotPossible, Phase, Session
from fastapi_audit.evidence.live.stalls import Stall, Watch
from fastapi_audit.model import Location, Step

if TYPE_CHECKING:
    import asyncio

MOST_OPERATIONS = 40
SLOW_SECONDS = 0.12
"""What is faster holds nobody up for long enough to be told from a busy machine."""
HELD_UP_SECONDS = 0.1
TIMES_AT_REST = 3
SHARE = 0.5
"""Of the slow request that a fast one waits, at least, where even at rest nothing is fast."""
ROUNDS = 3
PATIENCE_SECONDS = 5.0
"""For an operation that may stream for ever."""
AHEAD_SECONDS = 0.03
BETWEEN_SECONDS = 0.03
MOST_POLLS = 12
TICK_SECONDS = 0.15
"""Until the watchdog is awake, and until it has written."""
SHARE_OF_TIME = 0.3
"""Of what is left."""


@dataclass(frozen=True, slots=True)
class Round:
    """One slow request, the fast one beside it that waited longest, and what the watchdog saw meanwhile."""

    slow: Exchange
    fast: Exchange
    stalls: tuple[Stall, ...] = ()

    def held_up(self, at_rest: float) -> bool:
        """Whether the fast one waited for the slow one."""
        longer = self.fast.seconds - at_rest
        clear = self.fast.seconds >= TIMES_AT_REST * at_rest or longer >= SHARE * self.slow.seconds
        return self.slow.answered and self.fast.answered and longer >= HELD_UP_SECONDS and clear


@dataclass(frozen=True, slots=True)
class WaitBeside:
    """One operation, called several times, and how long a fast request waited beside it each time."""

    operation: str
    at_rest: float
    """Seconds that the slowest of as many fast requests took while nothing else was going on."""
    rounds: tuple[Round, ...] = ()
    """None for an operation that is too fast to hold anybody up."""
    watched: bool = False
    """Whether a watchdog has looked at the event loop meanwhile."""

    @property
    def holds_up(self) -> bool:
        """Whether the others waited each time, and the event loop stood still where it could be seen."""
        if len(self.rounds) < ROUNDS or not all(each.held_up(self.at_rest) for each in self.rounds):
            return False
        return not self.watched or all(each.stalls for each in self.rounds)

    @property
    def is_told(self) -> bool:
        """Whether every request of every round was answered."""
        return all(each.slow.answered and each.fast.answered for each in self.rounds)

    @property
    def streams(self) -> bool:
        """Whether its answer begins long before it ends."""
        return all(each.slow.first_byte_seconds < SHARE * each.slow.seconds for each in self.rounds)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The way to the line that waited, of the longest stall; empty where nothing of the project was seen."""
        stalls = [stall for each in self.rounds for stall in each.stalls if stall.steps]
        return max(stalls, key=lambda stall: stall.seconds).steps if stalls else ()

    @property
    def place(self) -> Location | None:
        """The line of the project that waited, where it could be seen."""
        return self.steps[-1].location if self.steps else None

    @property
    def told(self) -> str:
        """The figures, as a report says them."""
        waited = " ms, ".join(f"{each.fast.seconds * 1000:.0f}" for each in self.rounds)
        took = self.rounds[0].slow.seconds * 1000
        where = f"; the event loop stood in {self._where}" if self.steps else ""
        return (
            f"it took {took:.0f} ms, and beside it another request waited {waited} ms ({self.at_rest * 1000:.0f} ms at "
            f"rest){where}"
        )

    @property
    def _where(self) -> str:
        last = self.steps[-1]
        return f"{last.message} at {last.location.path}:{last.location.line}"


async def observe(session: Session) -> AsyncIterator[WaitBeside]:
    """Calls every operation that may be called once, and the slow ones again with fast requests beside them."""
    begun, most = time.monotonic(), session.client.budget.seconds_left * SHARE_OF_TIME
    possible = [each for each in session.callable_operations if each.path() is not None]
    # What deletes comes last: the others would ask for what is gone.
    removing = [each for each in possible[:MOST_OPERATIONS] if each.method == "DELETE"]
    timed, asked = await _timed(
        session, [each for each in possible[:MOST_OPERATIONS] if each not in removing], most / 2
    )
    if not any(each.ok or each.seconds >= SLOW_SECONDS for each in timed.values()):
        message = "no operation that may be called answers well"
        raise NotPossible(message)
    readings = [each for operation, each in timed.items() if operation.method == "GET"]
    fast = min(readings or [await session.anywhere()], key=lambda each: each.seconds)
    at_rest = max(each.seconds for each in await _polls(session, fast, MOST_POLLS))
    watch = Watch(session.server.stalls, session.launch.folder) if session.server and session.launch else None
    looking = _Looking(session, fast, at_rest, watch, begun + most)
    async for each in looking.beside(timed):
        yield each
    timed, further = await _timed(session, removing, (begun + most - time.monotonic()) / 2)
    async for each in looking.beside(timed):
        yield each
    session.looked_at(WaitBeside, len(looking.told) + len(looking.left), asked + further, len(possible))
    if asked + further < len(possible):
        why = "" if asked + further == MOST_OPERATIONS else "; raise --max-time"
        message = f"beside {asked + further} of {len(possible)} operations it was seen whether others wait{why}"
        raise NotPossible(message)
    if left := looking.left:
        message = f"too little time to look beside slow operations ({len(left)}, such as {left[0]}); raise --max-time"
        raise NotPossible(message)


@dataclass(frozen=True, slots=True)
class _Looking:
    """What is the same for every operation."""

    session: Session
    fast: Exchange
    at_rest: float
    watch: Watch | None
    deadline: float
    left: list[str] = field(default_factory=list)
    """The slow operations that there was no time for."""
    told: list[str] = field(default_factory=list)
    """Those that were looked beside."""

    async def beside(self, timed: Mapping[ServedOperation, Exchange]) -> AsyncIterator[WaitBeside]:
        """Each operation that answered, given its first answer."""
        for operation, first in timed.items():
            if first.seconds < SLOW_SECONDS:
                # A refusal is quick: it says nothing of the way that a good request takes.
                if first.ok:
                    self.told.append(operation.key)
                    yield WaitBeside(operation.key, self.at_rest)
            elif time.monotonic() + ROUNDS * first.seconds < self.deadline:
                self.told.append(operation.key)
                rounds = await _rounds(self.session, operation, self.fast, self.at_rest, self.watch)
                yield WaitBeside(operation.key, self.at_rest, rounds, watched=self.watch is not None)
            else:
                self.left.append(operation.key)


async def _timed(
    session: Session, operations: Sequence[ServedOperation], seconds: float
) -> tuple[dict[ServedOperation, Exchange], int]:
    """What answered, with one answer of each, and how many were asked."""
    begun = time.monotonic()
    timed: dict[ServedOperation, Exchange] = {}
    for asked, operation in enumerate(operations):
        if time.monotonic() - begun > seconds:
            return timed, asked
        exchange = await session.call(operation, timeout_s=PATIENCE_SECONDS)
        if exchange.answered and not exchange.failure:
            timed[operation] = exchange
    return timed, len(operations)


async def _rounds(
    session: Session, operation: ServedOperation, fast: Exchange, at_rest: float, watch: Watch | None
) -> tuple[Round, ...]:
    """As many as it takes to be sure; the first that holds nobody up is the last."""
    import asyncio  # noqa: PLC0415  a scan imports this module

    rounds: list[Round] = []
    if watch:
        watch.begin()
        await asyncio.sleep(TICK_SECONDS)
    try:
        while len(rounds) < ROUNDS and all(each.held_up(at_rest) for each in rounds):
            rounds.append(await _round(session, operation, fast, watch))
    finally:
        if watch:
            watch.end()
    return tuple(rounds)


async def _round(session: Session, operation: ServedOperation, fast: Exchange, watch: Watch | None) -> Round:
    import asyncio  # noqa: PLC0415  a scan imports this module

    if watch:
        watch.stalls()  # of whatever was before
    slow = asyncio.create_task(session.call(operation))
    try:
        await asyncio.sleep(AHEAD_SECONDS)
        polls = await _polls(session, fast, MOST_POLLS, until=slow)
        answered = await slow
    finally:
        slow.cancel()
    if watch:
        await asyncio.sleep(TICK_SECONDS)
    return Round(answered, max(polls, key=lambda each: each.seconds), watch.stalls() if watch else ())


async def _polls(
    session: Session, fast: Exchange, most: int, until: "asyncio.Task[Exchange] | None" = None
) -> Sequence[Exchange]:
    """The fast request, sent again and again without waiting for its answers; at least once."""
    import asyncio  # noqa: PLC0415  a scan imports this module

    sent = []
    for _ in range(most):
        sent.append(asyncio.create_task(session.get(fast.path, headers=fast.sent)))
        await asyncio.sleep(BETWEEN_SECONDS)
        if until is not None and until.done():
            break
    came = await asyncio.gather(*sent, return_exceptions=True)
    for each in came:
        if isinstance(each, BaseException):
            raise each
    return [each for each in came if isinstance(each, Exchange)]


experiment = Experiment(WaitBeside, observe, phase=Phase.TIME, needs_operations=True)
