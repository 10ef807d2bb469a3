"""Who may read the cookies that say who somebody is, and where browsers send them."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import NO_OPERATIONS, Experiment, NotPossible, Session
from fastapi_audit.evidence.secret_names import SESSION_COOKIE

MOST_OPERATIONS = 20
SHORTEST = 16
"""Characters of a value that nobody can guess."""
EXPIRED = re.compile(r";\s*(max-age=(0|-\d+)\s*(;|$)|expires=\w+, \d{2}[ -]\w{3}[ -]19)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """One cookie that an answer sets, and that says who the user is."""

    operation: str
    name: str
    flags: frozenset[str]
    """In lower case, without their values: `httponly`, `samesite` …"""
    over_tls: bool
    """Whether the answer came over HTTPS; a service on one's own machine has none, and so no reason for `secure`."""
    exchange: Exchange

    @property
    def missing(self) -> tuple[str, ...]:
        """The flags that it should have."""
        wanted = ("HttpOnly", *(("Secure",) if self.over_tls else ()))
        return tuple(each for each in wanted if each.lower() not in self.flags)


async def observe(session: Session) -> AsyncIterator[SessionCookie]:
    """Calls every operation that may be called, and reads what it sets."""
    over_tls = session.client.address.scheme == "https"
    if not session.operations:
        raise NotPossible(session.no_operations or NO_OPERATIONS)
    known = [each for each in session.callable_operations if each.path() is not None]
    well, found = 0, False
    for operation in known[:MOST_OPERATIONS]:
        exchange = await session.call(operation)
        well += exchange.ok
        for name, flags in _cookies(exchange):
            found = True
            yield SessionCookie(operation.key, name, flags, over_tls, exchange)
    if not found and well < len(session.operations):
        message = (
            f"no session cookie came from the {well} of {len(session.operations)} operations that answered well; a "
            "login is called with --mutating"
        )
        raise NotPossible(message)


def _cookies(exchange: Exchange) -> Iterator[tuple[str, frozenset[str]]]:
    for header, cookie in exchange.headers:
        if header != "set-cookie" or EXPIRED.search(cookie):
            continue
        pair, *attributes = cookie.split(";")
        name, _, value = pair.strip().partition("=")
        if SESSION_COOKIE.fullmatch(name) and len(value.strip('"')) >= SHORTEST:
            yield name, frozenset(each.partition("=")[0].strip().lower() for each in attributes)


experiment = Experiment(SessionCookie, observe)
