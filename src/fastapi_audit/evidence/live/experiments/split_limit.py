"""Whether a limit that is used up on one connection still lets the same client through on another."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field, replace

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.experiments.bursts import TOO_MANY, readings
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import Experiment, NotPossible, Phase, Session

REQUESTS = 150
"""On the first connection; a limit that lets more through at once is not found."""
MOST_OPERATIONS = 3
WAVES, AT_ONCE = 4, 3
"""Connections are opened in waves: one worker often takes all that come at the same moment."""
LATER, PAUSE_SECONDS = 3, 0.7
"""Further waves, while all others are refused too: a worker may still be starting."""
ROUNDS = 3
"""How often both are asked in turn: a limit that refills may let a single request through."""
NOWHERE = "/fastapi-audit"
"""Nothing is there, so no limit of an operation counts what opens a connection."""


@dataclass(frozen=True, slots=True)
class SplitLimit:
    """One operation whose limit was used up on one connection, and the same client on others."""

    operation: str
    allowed: int
    """How many requests the first connection got answered."""
    refused: Exchange
    """On the first connection, before and after each of those that were served."""
    served: Exchange | None = None
    """On another connection meanwhile; `None` when all of them were refused too."""


async def observe(session: Session) -> AsyncIterator[SplitLimit]:
    """Uses a limit up on one connection, which is one worker, and asks again on others."""
    start = session.probing.start
    if start is not None and start.workers == 1:
        message = "the server has one process: start as many as in production with --workers"
        raise NotPossible(message)
    found = 0
    async with AsyncExitStack() as stack:
        connections = _Connections(session, stack)
        for _ in range(WAVES):
            await connections.wave()
        for operation in readings(session)[:MOST_OPERATIONS]:
            split = await _split(operation, connections)
            if split is not None:
                found += 1
                yield split
    if start is None and found:
        session.extents[SplitLimit] = f"{len(connections.sessions)} connections; how many workers answer is not known"
    if not found:
        message = "no limit was met, or it was used up before"
        raise NotPossible(message)


@dataclass(slots=True)
class _Connections:
    """Kept ones to the service, each of them to one of its workers."""

    session: Session
    stack: AsyncExitStack
    sessions: list[Session] = field(default_factory=list)

    async def wave(self) -> list[Session]:
        """Further ones: to each worker of a server that we started, else opened at the same moment."""
        start, server = self.session.probing.start, self.session.server
        opened: list[Session] = []
        if start is not None and server is not None:
            with closing(server.each_worker(start.workers)) as workers:
                for _ in workers:
                    opened += await self._opened()
        return opened or await self._opened()

    async def _opened(self) -> list[Session]:
        import asyncio  # noqa: PLC0415  a scan imports this module

        from fastapi_audit.evidence.live.client import connected  # noqa: PLC0415

        https = [await self.stack.enter_async_context(connected(kept=True)) for _ in range(AT_ONCE)]
        opened = [replace(self.session, client=replace(self.session.client, http=http)) for http in https]
        await asyncio.gather(*(each.get(NOWHERE) for each in opened))
        self.sessions += opened
        return opened

    async def others(self) -> AsyncIterator[Session]:
        """All but the first, and later ones as long as they are asked for."""
        import asyncio  # noqa: PLC0415

        for each in self.sessions[1:]:
            yield each
        for _ in range(LATER):
            await asyncio.sleep(PAUSE_SECONDS)
            for each in await self.wave():
                yield each


async def _split(operation: ServedOperation, connections: _Connections) -> SplitLimit | None:
    """`None` where no limit is met."""
    first = connections.sessions[0]
    allowed, answer = 0, await first.call(operation)
    while answer.ok and allowed < REQUESTS:
        allowed, answer = allowed + 1, await first.call(operation)
    if answer.status != TOO_MANY or not allowed:
        return None
    async for other in connections.others():
        served = await other.call(operation)
        if served.ok and await _stays_split(operation, first, other):
            return SplitLimit(operation.key, allowed, answer, served)
    return SplitLimit(operation.key, allowed, answer)


async def _stays_split(operation: ServedOperation, refused: Session, served: Session) -> bool:
    for _ in range(ROUNDS - 1):
        if (await refused.call(operation)).status != TOO_MANY or not (await served.call(operation)).ok:
            return False
    return (await refused.call(operation)).status == TOO_MANY


experiment = Experiment(SplitLimit, observe, phase=Phase.COUNT, intrusive=True, needs_operations=True)
