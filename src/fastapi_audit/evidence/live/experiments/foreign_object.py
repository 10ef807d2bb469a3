"""Whether one user reads what only another one's list shows."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import NOBODY, Experiment, Session

LAST = re.compile(r"(.+)/\{(\w+)\}")
NAMES = ("id", "uuid", "key", "slug", "number")
MOST_LISTS = 20
MOST_OBJECTS = 3
LONGEST = 100
REFUSED = (401, 403)


@dataclass(frozen=True, slots=True)
class ForeignObject:
    """One object that the first user's list shows and the second user's does not, asked for by both."""

    operation: str
    own: Exchange
    """Of the first user."""
    foreign: Exchange
    """Of the second user."""

    @property
    def is_read(self) -> bool:
        """Whether the second user got the very same object."""
        return self.foreign.ok and self.foreign.body == self.own.body


async def observe(session: Session) -> AsyncIterator[ForeignObject]:
    """Compares the lists of both users, then asks for what differs."""
    pairs = [*_pairs(session)]
    seen = set()
    for listing, one in pairs[:MOST_LISTS]:
        own, foreign = await session.call(listing), await session.call(listing, identity=session.second)
        if not own.ok or not foreign.ok:
            continue
        shown = set(_names(foreign, one))
        only = [name for name in dict.fromkeys(_names(own, one)) if name not in shown]
        for name in only[:MOST_OBJECTS]:
            asked = await _asked(session, one, name)
            if asked is not None:
                seen.add(one)
                yield asked
    # Lists that show both users the same, or nothing, leave nothing to ask for.
    session.looked_at(ForeignObject, len(seen), len(pairs[:MOST_LISTS]), len(pairs))


async def _asked(session: Session, one: ServedOperation, name: str) -> ForeignObject | None:
    """Both users' answers; `None` for what is no object of the first user, or is public."""
    arguments = {_parameter(one): name}
    own = await session.call(one, arguments=arguments)
    nobody = await session.call(one, arguments=arguments, identity=NOBODY)
    # The object itself must be in it: a page that says the same to everyone is no secret.
    if not own.ok or nobody.status not in REFUSED or name not in own.text:
        return None
    return ForeignObject(one.key, own, await session.call(one, arguments=arguments, identity=session.second))


def _pairs(session: Session) -> Iterator[tuple[ServedOperation, ServedOperation]]:
    """A list, and the operation that shows one of it."""
    lists = {each.template.rstrip("/"): each for each in session.safe_operations}
    for one in session.callable_operations:
        found = LAST.fullmatch(one.template)
        listing = lists.get(found[1]) if found is not None and one.method == "GET" else None
        if listing is not None and "{" not in listing.template and one.path(**{_parameter(one): "1"}) is not None:
            yield listing, one


def _parameter(one: ServedOperation) -> str:
    found = LAST.fullmatch(one.template)
    return found[2] if found is not None else ""


def _names(exchange: Exchange, one: ServedOperation) -> Iterator[str]:
    """How the objects of a list are called in a path."""
    body = exchange.json()
    lists = [body, *(body.values() if isinstance(body, dict) else ())]
    objects = [each for listed in lists if isinstance(listed, list) for each in listed if isinstance(each, dict)]
    for each in objects:
        name = next((each[key] for key in (_parameter(one), *NAMES) if key in each), None)
        if isinstance(name, int | str) and not isinstance(name, bool) and 0 < len(str(name)) <= LONGEST:
            yield str(name)


experiment = Experiment(ForeignObject, observe, needs_operations=True, needs_second=True)
