"""What an answer costs that was given before, or that is long: whether it is spared, and whether it is compressed."""

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.experiments.bursts import NOT_FOR_USERS
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import Experiment, Session

MOST_OPERATIONS = 20
TRIES = 3
"""With the tag of the answer before; each worker may have another one."""
LONG = 50_000
"""Bytes of a text that should be compressed; what is shorter fits into a few packets."""
WORTH = 4
"""How many times smaller it gets, at least."""
TEXTS = ("text/", "application/json", "application/javascript", "application/xml")
COMPRESSED = (("Accept-Encoding", "gzip"),)


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """One operation that was read by a client that takes compressed answers and remembers what it has got."""

    operation: str
    first: Exchange
    again: tuple[Exchange, ...] = ()
    """Asked for only if it is another than before, where the first answer has a tag to say that with."""

    @property
    def never_spared(self) -> bool:
        """Whether the very same came again each time, though the client said that it has it."""
        same = all(each.ok and each.body == self.first.body for each in self.again)
        return bool(self.again) and bool(self.first.body) and same

    @property
    def tag_changes(self) -> bool:
        """Whether the same content came with another tag."""
        return any(each.header("etag") != before.header("etag") for before, each in self._pairs)

    @property
    def is_long_and_plain(self) -> bool:
        """Whether a long text came as it is, though the client takes it compressed."""
        text = self.first.media_type.startswith(TEXTS) or self.first.media_type.endswith(("+json", "+xml"))
        plain = not self.first.header("content-encoding")
        return self.first.ok and text and plain and self.first.length >= LONG and self.times_smaller >= WORTH

    @property
    def times_smaller(self) -> float:
        """How many times smaller gzip makes it."""
        return len(self.first.body) / max(1, len(zlib.compress(self.first.body, 5)))

    @property
    def _pairs(self) -> list[tuple[Exchange, Exchange]]:
        return list(zip((self.first, *self.again), self.again, strict=False))


async def observe(session: Session) -> AsyncIterator[ReadAnswer]:
    """Reads every operation that may be called, and those with a tag again."""
    # What a monitoring system reads, next door, need not be short.
    read = [each for each in session.safe_operations if not NOT_FOR_USERS.fullmatch(each.template)]
    seen = 0
    for operation in read[:MOST_OPERATIONS]:
        first = await session.call(operation, COMPRESSED)
        if first.ok:
            seen += 1
            yield ReadAnswer(operation.key, first, tuple([each async for each in _again(session, operation, first)]))
    session.looked_at(ReadAnswer, seen, len(read[:MOST_OPERATIONS]), len(read))


async def _again(session: Session, operation: ServedOperation, first: Exchange) -> AsyncIterator[Exchange]:
    latest = first
    for _ in range(TRIES if first.header("etag") else 0):
        latest = await session.call(operation, (*COMPRESSED, ("If-None-Match", latest.header("etag"))))
        yield latest
        if not latest.ok or not latest.header("etag"):
            return


experiment = Experiment(ReadAnswer, observe, needs_operations=True)
