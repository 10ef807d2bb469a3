"""Whether a body that nobody means to send is read to its end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import Experiment, NotPossible, Phase, Session
from fastapi_audit.evidence.live.statuses import CLIENT_ERROR, SERVER_ERROR

SIZE = 8_000_000
"""Bytes; nginx takes one million unless told otherwise."""
MOST_OPERATIONS = 3
BEGINNING = b'{"fastapi-audit": "'
"""Of a text that never ends: no handler gets to see what is no JSON, and all of it is read to find that out."""
NO_JSON = 422


@dataclass(frozen=True, slots=True)
class OversizeBody:
    """One operation, sent what is no JSON: a little of it, which was refused, and a lot."""

    operation: str
    exchange: Exchange
    """The answer to the large one."""

    @property
    def is_read(self) -> bool:
        """Whether the answer is that to the small one: it was read whole, and refused for what it is."""
        return self.exchange.status == NO_JSON

    @property
    def is_refused(self) -> bool:
        """Whether it was not taken: by an answer, or by closing the connection while it was sent."""
        return not self.is_read and (CLIENT_ERROR <= self.exchange.status < SERVER_ERROR or self.exchange.closed)


@dataclass(frozen=True, slots=True)
class OversizeBodies:
    """All that were tried."""

    tried: tuple[OversizeBody, ...]


async def observe(session: Session) -> AsyncIterator[OversizeBodies]:
    """Sends eight megabytes to a few operations that take JSON."""
    tried: list[OversizeBody] = []
    for operation in session.callable_operations:
        path = operation.path()
        # An operation whose JSON is not described may take anything.
        if operation.body is None or path is None or len(tried) >= MOST_OPERATIONS:
            continue
        small = await _send(session, operation, path, BEGINNING)
        if small.status == NO_JSON:
            large = await _send(session, operation, path, BEGINNING.ljust(SIZE, b"x"))
            tried.append(OversizeBody(operation.key, large))
    if not tried:
        message = "no operation that may be called takes JSON and refuses what is none"
        raise NotPossible(message)
    yield OversizeBodies(tuple(tried))


async def _send(session: Session, operation: ServedOperation, path: str, content: bytes) -> Exchange:
    headers = (*session.headers_of(operation), ("Content-Type", "application/json"))
    return await session.exchange(operation.method, path, headers=headers, content=content)


experiment = Experiment(OversizeBodies, observe, phase=Phase.STRESS, intrusive=True, mutating=True)
