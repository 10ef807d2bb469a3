"""Requests that crashed a handler, sent once more: the exchange to show, what raised in the log, and the cause."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi_audit.evidence.live.causes import Symptom, causes, unusual
from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.probing import Headers
from fastapi_audit.evidence.live.session import Session
from fastapi_audit.evidence.live.statuses import UNHANDLED
from fastapi_audit.evidence.live.tracebacks import Raised, raised
from fastapi_audit.model import Location, Observation, Step

MOST_SENT = 100
SHARE_OF_TIME = 0.5
"""Of what is left."""
TIMEOUT_S = 3.0
LOG_SECONDS = 0.5
"""Until a traceback is written: the answer goes first."""
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Sent:
    """A request of a tool of ours, whole enough to be sent again."""

    method: str
    path: str
    """With its query."""
    headers: Headers = ()
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Crash:
    """One operation that answered 500."""

    operation: str
    sent: Sent | None
    """`None` when it was too large to be kept."""
    observation: Observation
    raised: Raised | None = None
    cause: str = ""
    """The same text for the crashes of one cause; empty when nothing tells it."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Through the project's own code to the line that raised."""
        return self.raised.steps if self.raised else ()

    @property
    def place(self) -> Location | None:
        """The line of the project that raised, or called what raised, where the log could be read."""
        return self.raised.place if self.raised else None

    @property
    def symptom(self) -> Symptom:
        """What the cause is told by."""
        inputs = self.inputs
        if self.raised is None:
            return Symptom(f"status {UNHANDLED}", inputs, inputs)
        at = self.raised.place
        # Where none of the project's code is on the way, the line that raised is all that there is to tell.
        traits = inputs | {f"at {at.path}:{at.line}"} if at else frozenset({"foreign code"})
        return Symptom(f"{self.raised.exception} at {self.raised.origin}", traits, inputs, told=True)

    @property
    def inputs(self) -> frozenset[str]:
        """The parameters with an unusual value."""
        return frozenset(unusual(self.operation.partition(" ")[2], self.sent.path) if self.sent else ())


async def looked_into(session: Session, crashes: Iterable[Crash]) -> list[Crash]:
    """The crashes with what raised, as far as requests, time and log allow; one of each input comes first."""
    deadline = time.monotonic() + session.client.budget.seconds_left * SHARE_OF_TIME
    looked = list(crashes)
    for number in [*_one_of_each_input(looked)][:MOST_SENT]:
        patience = min(TIMEOUT_S, deadline - time.monotonic())
        if patience <= 0 or session.client.budget.spent:
            break
        looked[number] = await _again(session, looked[number], patience)
    return looked


def _one_of_each_input(crashes: Sequence[Crash]) -> Iterator[int]:
    """The places of the crashes, in the order in which the most is learnt."""
    first = {each.inputs: number for number, each in reversed([*enumerate(crashes)])}
    leading = sorted(first.values())
    yield from leading
    yield from (number for number in range(len(crashes)) if number not in leading)


def with_causes(crashes: Iterable[Crash]) -> list[Crash]:
    """The crashes, each with the cause that it shares with others."""
    known = list(crashes)
    named: Mapping[str, str] = causes({each.operation: each.symptom for each in known})
    return [replace(each, cause=named.get(each.operation, "")) for each in known]


async def _again(session: Session, crash: Crash, patience_s: float) -> Crash:
    if crash.sent is None or crash.raised is not None:
        return crash
    mark = printed(session)
    answer = await session.exchange(
        crash.sent.method,
        crash.sent.path,
        headers=crash.sent.headers,
        content=crash.sent.content,
        timeout_s=patience_s,
    )
    if answer.status != UNHANDLED:
        return crash
    found = await in_log(session, mark)
    return replace(crash, observation=seen(answer, found), raised=found)


def printed(session: Session) -> int:
    """Where the log ends before a request is sent."""
    return session.server.printed if session.server else 0


async def in_log(session: Session, mark: int) -> Raised | None:
    """What has raised since, once it is written."""
    if session.server is None or session.launch is None:
        return None
    deadline = time.monotonic() + LOG_SECONDS
    while time.monotonic() < deadline:
        if found := raised(session.server.printed_since(mark), session.launch.folder):
            return found
        await asyncio.sleep(POLL_SECONDS)
    return None


def seen(answer: Exchange, found: Raised | None) -> Observation:
    """The exchange, and what the log says of it."""
    return answer.observation(f"it answered {answer.status}: {found.told}" if found else f"it answered {answer.status}")
