"""When the events of a stream arrive: one by one as they are made, or all at its end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import NO_OPERATIONS, Experiment, NotPossible, Session

MOST_OPERATIONS = 12
PATIENCE_SECONDS = 4.0
"""For a stream that may never end."""
SLOW_SECONDS = 0.3
"""What is faster may well be made at once."""
FEWEST_EVENTS = 3
LATE = 0.9
"""The share of the whole time after which nothing comes early any more."""
EVENTS = "text/event-stream"
STREAMING = (("Accept", f"{EVENTS}, */*;q=0.5"), ("Accept-Encoding", "gzip"))
"""As a browser asks; what compresses may hold back."""


@dataclass(frozen=True, slots=True)
class EventStream:
    """One operation that answers with server-sent events, called twice."""

    operation: str
    exchanges: tuple[Exchange, ...]

    @property
    def arrives_whole(self) -> bool:
        """Whether each time nothing came until all of it was made, though that took a while."""
        return all(_whole(each) for each in self.exchanges)

    @property
    def is_told(self) -> bool:
        """Whether the events were enough, and took long enough, to see when they come."""
        return all(each.seconds >= SLOW_SECONDS and _events(each) >= FEWEST_EVENTS for each in self.exchanges)

    @property
    def told(self) -> str:
        """The figures, as a report says them."""
        last = self.exchanges[-1]
        first, whole = last.first_byte_seconds * 1000, last.seconds * 1000
        return f"{_events(last)} events; the first came after {first:.0f} ms, the last after {whole:.0f} ms"


async def observe(session: Session) -> AsyncIterator[EventStream]:
    """Calls what is not described as an answer of another kind, and each stream of events again."""
    if not session.operations:
        raise NotPossible(session.no_operations or NO_OPERATIONS)
    perhaps = [each for each in session.callable_operations if not each.answer and each.path() is not None]
    seen = 0
    for operation in perhaps[:MOST_OPERATIONS]:
        first = await session.call(operation, STREAMING, timeout_s=PATIENCE_SECONDS)
        seen += 200 <= first.status < 300  # noqa: PLR2004  the class of a status
        if first.media_type == EVENTS and 200 <= first.status < 300:  # noqa: PLR2004  the class of a status
            again = (await session.call(operation, STREAMING, timeout_s=PATIENCE_SECONDS),) if _whole(first) else ()
            yield EventStream(operation.key, (first, *again))
    session.looked_at(EventStream, seen, len(perhaps[:MOST_OPERATIONS]), len(perhaps))


def _whole(exchange: Exchange) -> bool:
    late = exchange.first_byte_seconds >= LATE * exchange.seconds
    return exchange.ok and exchange.seconds >= SLOW_SECONDS and _events(exchange) >= FEWEST_EVENTS and late


def _events(exchange: Exchange) -> int:
    return sum(line.startswith("data:") for line in exchange.text.splitlines())


experiment = Experiment(EventStream, observe)
