"""How many entries the lists of a service answer with when nobody says how many."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.experiments.large_page import NAMES
from fastapi_audit.evidence.live.session import Experiment, Session

MOST_OPERATIONS = 40
MANY = 1_000
BETWEEN = re.compile(rb"\}\s*,\s*\{")
"""Two objects of a list."""


@dataclass(frozen=True, slots=True)
class ListedEntries:
    """One operation, called with what it requires and nothing more."""

    operation: str
    entries: int
    """Objects of the longest list of the answer: the body itself, or directly below it."""
    exchange: Exchange
    paged: bool = False
    """Whether it takes the size of a page."""

    @property
    def is_whole(self) -> bool:
        """Whether the list was read to its end."""
        return self.exchange.complete

    @property
    def many(self) -> bool:
        return self.entries >= MANY


async def observe(session: Session) -> AsyncIterator[ListedEntries]:
    """Calls every operation that may be called, once."""
    operations = [*session.safe_operations]
    seen = 0
    for operation in operations[:MOST_OPERATIONS]:
        exchange = await session.call(operation)
        seen += exchange.status == OK
        if exchange.status == OK and (entries := _entries(exchange)):
            paged = any(each.name.lower() in NAMES for each in operation.parameters)
            yield ListedEntries(operation.key, entries, exchange, paged)
    session.looked_at(ListedEntries, seen, len(operations[:MOST_OPERATIONS]), len(operations))


def _entries(exchange: Exchange) -> int:
    if not exchange.complete:
        # Cut: a list of objects at the top can be counted all the same.
        return len(BETWEEN.findall(exchange.body)) + 1 if exchange.body.lstrip()[:2] == b"[{" else 0
    body = exchange.json()
    lists = [body, *(body.values() if isinstance(body, dict) else ())]
    return max((sum(isinstance(x, dict) for x in each) for each in lists if isinstance(each, list)), default=0)


OK = 200

experiment = Experiment(ListedEntries, observe, needs_operations=True)
