"""Whether a cache gives one user what was made for another."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import Experiment, Session

FRESH = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
MOST_OPERATIONS = 20
SHORTEST = 3
"""Bytes of a body that can tell one user from another."""


@dataclass(frozen=True, slots=True)
class SharedAnswer:
    """One operation that answers each user with something else when it makes its answer anew."""

    operation: str
    first: Exchange
    """What the first user got."""
    second: Exchange
    """What the second user got after that."""
    made_for_second: Exchange
    """What the second user gets when nothing is taken from a cache."""

    @property
    def is_the_first_users(self) -> bool:
        """Whether the second user got the first one's answer."""
        return self.second.body == self.first.body != self.made_for_second.body


async def observe(session: Session) -> AsyncIterator[SharedAnswer]:
    """Asks as the first user, as the second, and as both past the cache."""
    operations = [*session.safe_operations]
    seen = 0
    for operation in operations[:MOST_OPERATIONS]:
        first = await session.call(operation)
        second = await session.call(operation, identity=session.second)
        if not first.ok or not second.ok or len(first.body) < SHORTEST:
            continue
        seen += 1
        made = await session.call(operation, FRESH, identity=session.second)
        own = await session.call(operation, FRESH)
        again = await session.call(operation, FRESH, identity=session.second)
        # What differs from request to request, such as a clock, says nothing of users.
        if made.ok and own.body == first.body and made.body == again.body != own.body:
            yield SharedAnswer(operation.key, first, second, made)
    session.looked_at(SharedAnswer, seen, len(operations[:MOST_OPERATIONS]), len(operations))


experiment = Experiment(SharedAnswer, observe, needs_operations=True, needs_second=True)
