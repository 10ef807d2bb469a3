"""Whether a server comes to rest after clients have left its WebSockets, with a goodbye and without one."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastapi_audit.evidence.live.activity import Activity, Pace
from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.experiments.opened_socket import path_of
from fastapi_audit.evidence.live.permission import permitted
from fastapi_audit.evidence.live.session import Experiment, NotPossible, Phase, Session

if TYPE_CHECKING:
    from fastapi_audit.evidence.live.launch import Launch, Server

MOST_SOCKETS = 4
MORE_WAKES = 40
"""By the second, than before: a loop with a pause of 25 ms. At rest a server wakes ten times."""
MORE_PROCESSOR = 0.2
"""Of one; a machine with other work to do gives no more to a loop without a pause."""
LOOKS_SECONDS = 0.6
SETTLING_SECONDS = 0.3
LISTENS_SECONDS = 0.1
START_SECONDS = 10.0
GRACE_SECONDS = 3.0
SECONDS = 15.0
"""That must be left."""


@dataclass(frozen=True, slots=True)
class LeftSocket:
    """One WebSocket that two clients have left, and how busy the server was before and after."""

    operation: str
    """`WEBSOCKET /feed/{id}`."""
    exchange: Exchange
    """The handshake of one of them."""
    before: Pace
    after: Pace
    stops: bool = True
    """Whether the server ended soon when it was told to; it is only asked where the server is busy."""

    @property
    def is_busy(self) -> bool:
        """Whether the server works more than before."""
        return self._wakes_more or self.after.processor - self.before.processor >= MORE_PROCESSOR

    @property
    def serves_the_gone(self) -> bool:
        """Whether the handler itself works on: a server waits for that when it stops, and for no other task."""
        return self.is_busy and not self.stops

    @property
    def told(self) -> str:
        """The figures, as a report says them."""
        if self._wakes_more:
            busy = f"it woke {self.before.wakes:.0f} times a second before and {self.after.wakes:.0f} times after"
        else:
            busy = f"it used {self.before.processor:.0%} of a processor before and {self.after.processor:.0%} after"
        return f"two clients came and left: {busy}, and {GRACE_SECONDS:g} s after SIGTERM the server was still there"

    @property
    def _wakes_more(self) -> bool:
        return self.after.wakes - self.before.wakes >= MORE_WAKES


async def observe(session: Session) -> AsyncIterator[LeftSocket]:
    """Opens and leaves the WebSockets of a server of its own, on which nothing else goes on."""
    templates = await session.sockets()
    if session.launch is None or not templates:
        message = "the application has no WebSocket, or none is known"
        raise NotPossible(message)
    pending = [*templates[:MOST_SOCKETS]]
    seen = 0
    while pending:
        if session.client.budget.seconds_left < SECONDS:
            message = "too little time is left to start another server; raise --max-time"
            raise NotPossible(message)
        with _starting(session.launch) as server:
            await _listening(server)
            # One that is busy says nothing of the next socket: that gets a new one.
            while pending and server.process.poll() is None:
                left = await _left(session, server, pending.pop(0))
                if left is not None:
                    seen += 1
                    yield left
    session.looked_at(LeftSocket, seen, len(templates[:MOST_SOCKETS]), len(templates), "WebSockets")


@contextmanager
def _starting(launch: "Launch") -> "Iterator[Server]":
    """One process, which is waited for outside: a signal or the end of the time must not find us in a thread."""
    from fastapi_audit.evidence.live.launch import launched  # noqa: PLC0415

    options = [*launch.options]
    if "--workers" in options:
        at = options.index("--workers")
        del options[at : at + 2]
    with launched(replace(launch, options=tuple(options), patience=0, watched=False)) as server:
        yield server


async def _listening(server: "Server") -> None:
    import asyncio  # noqa: PLC0415

    until = time.monotonic() + START_SECONDS
    while not server.wait(0.01):
        if server.process.poll() is not None or time.monotonic() > until:
            message = "a second server of the application did not start beside the first"
            raise NotPossible(message)
        await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLING_SECONDS)


async def _left(session: Session, server: "Server", template: str) -> LeftSocket | None:
    """`None` where nobody is let in."""
    import asyncio  # noqa: PLC0415

    from fastapi_audit.evidence.live.conversation import Talk, talk  # noqa: PLC0415

    client = replace(session.client, address=permitted(server.url))
    before = await _pace(server)
    polite = Talk(path_of(session, template), session.user, listens_s=LISTENS_SECONDS)
    both = await asyncio.gather(talk(client, polite), talk(client, replace(polite, drops=True)))
    await asyncio.sleep(SETTLING_SECONDS)
    after = await _pace(server)
    # The first to leave may stop the event loop before the other is let in.
    stayed = next((each for each in both if each.stays), None)
    if stayed is None:
        return None
    left = LeftSocket(f"WEBSOCKET {template}", stayed.exchange, before, after)
    if not left.is_busy:
        return left
    ended = await asyncio.to_thread(server.stop, GRACE_SECONDS)
    return replace(left, stops=ended < GRACE_SECONDS)


async def _pace(server: "Server") -> Pace:
    import asyncio  # noqa: PLC0415

    begun = Activity.of(server.process.pid)
    await asyncio.sleep(LOOKS_SECONDS)
    ended = Activity.of(server.process.pid)
    if begun is None or ended is None:
        message = "the system does not tell how busy a process is, as Linux does, or the server has ended"
        raise NotPossible(message)
    return ended.since(begun)


experiment = Experiment(LeftSocket, observe, phase=Phase.AFTER, needs_launch=True)
