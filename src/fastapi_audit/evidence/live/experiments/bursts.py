"""Whether anybody stops a client that asks again and again, what it is told then, and whether it gets round that."""

import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.permission import is_loopback
from fastapi_audit.evidence.live.probing import Headers
from fastapi_audit.evidence.live.session import NO_OPERATIONS, NOBODY, Experiment, NotPossible, Phase, Session

REQUESTS = 310
"""To one operation; few limits for people let as many through at once: 200 and 300 in a minute are still common."""
TRIES = 60
"""To a login."""
AT_ONCE = 8
MOST_READINGS, MOST_LOGINS = 2, 2
CANDIDATES = 6
ADDRESSES = 6
"""Invented ones that are tried when the limit is used up."""
NOT_FOR_USERS = re.compile(
    r"(/[\w.-]+)*/(health\w*|ready\w*|live\w*|metrics|ping|status|version|docs|redoc|favicon.*|.*\.json)/?|/"
)
LOGIN = re.compile(r"/(log-?in|sign-?in|(access-)?token|otp|2fa|mfa|verify(-otp|-code)?|authenticate)/?", re.IGNORECASE)
PASSWORD = b"grant_type=password&username=fastapi-audit&password=fastapi-audit"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
ANNOUNCING = ("ratelimit-limit", "ratelimit-policy", "ratelimit", "x-ratelimit-limit", "x-rate-limit-limit")
TOO_MANY = 429
UNREAD = frozenset({404, 405, 415, 422})
"""The handler was not asked, so that a limit of its own has not counted."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One operation, asked again and again without a pause."""

    operation: str
    is_login: bool
    answers: tuple[Exchange, ...]
    """In the order in which they came."""
    seconds: float
    escapes: tuple[Exchange, ...] = ()
    """After the first refusal, each from another address, as a header says."""
    still: Exchange | None = None
    """And once more as before, after those."""

    @property
    def refusal(self) -> Exchange | None:
        """The first answer that says 429."""
        return next((each for each in self.answers if each.status == TOO_MANY), None)

    @property
    def announced(self) -> Exchange | None:
        """An answer that names a limit."""
        return next((each for each in self.answers if any(each.header(name) for name in ANNOUNCING)), None)

    @property
    def limited(self) -> Exchange | None:
        """What shows that there is a limit."""
        return self.refusal or self.announced

    @property
    def unlimited(self) -> bool:
        """Whether every request got the answer that the first one got, and none a hint of a limit."""
        return not self.limited and {each.status for each in self.answers} == {self.answers[0].status}

    @property
    def escaped(self) -> Exchange | None:
        """A request that was served because a header names another address, while the limit held for everybody else."""
        held = self.still is not None and self.still.status == TOO_MANY
        served = bool(self.escapes) and all(0 < each.status != TOO_MANY for each in self.escapes)
        return self.escapes[-1] if held and served else None

    @property
    def held(self) -> bool:
        """Whether the limit held for another address too."""
        return any(each.status == TOO_MANY for each in self.escapes)

    @property
    def told(self) -> str:
        """How it went, as a report says it."""
        times, status = len(self.answers), self.answers[-1].status
        return f"`{self.operation}` was called {times} times in a row and gave {status} each time"


@dataclass(frozen=True, slots=True)
class Bursts:
    """All that were tried."""

    operations: int
    """That the service describes."""
    tried: tuple[Burst, ...]


async def observe(session: Session) -> AsyncIterator[Bursts]:
    """Bursts of the shortest readings until one is limited, and of logins, where changing methods are allowed."""
    if not session.operations:
        raise NotPossible(session.no_operations or NO_OPERATIONS)
    tried: list[Burst] = []
    async for burst in _readings(session):
        tried.append(burst)
        if burst.limited:
            break
    for operation in [*_logins(session)][:MOST_LOGINS]:
        burst = await _burst(session, operation, TRIES)
        if burst.answers and burst.answers[0].status not in UNREAD:
            tried.append(burst)
    if not tried:
        message = "no operation that may be called answers well, health checks aside"
        raise NotPossible(message)
    yield Bursts(len(session.operations), tuple(tried))


def readings(session: Session) -> Sequence[ServedOperation]:
    """Those that a limit for users may stand before, the shortest first."""
    paths = {each: path for each in session.safe_operations if (path := each.path()) is not None}
    for_users = [each for each in paths if not NOT_FOR_USERS.fullmatch(each.template)]
    return sorted(for_users, key=lambda each: len(paths[each]))[:CANDIDATES]


async def _readings(session: Session) -> AsyncIterator[Burst]:
    found = 0
    for operation in readings(session):
        first = await session.call(operation)
        if first.ok or first.status == TOO_MANY:
            found += 1
            yield await _burst(session, operation, REQUESTS)
        if found == MOST_READINGS:
            return


def _logins(session: Session) -> Iterator[ServedOperation]:
    """For those who have not signed in."""
    for each in session.callable_operations:
        ends = LOGIN.fullmatch(each.template[each.template.rstrip("/").rfind("/") :])
        if each.method == "POST" and ends and not each.secured and "{" not in each.template and each.path():
            yield each


async def _burst(session: Session, operation: ServedOperation, requests: int) -> Burst:
    import asyncio  # noqa: PLC0415  a scan imports this module

    begun = time.monotonic()
    answers: list[Exchange] = []
    while len(answers) < requests and not any(each.status == TOO_MANY for each in answers):
        asked = [_ask(session, operation) for _ in range(AT_ONCE)]
        answers += _all(await asyncio.gather(*asked, return_exceptions=True))
    seconds = time.monotonic() - begun
    burst = Burst(operation.key, operation.method == "POST", tuple(answers), seconds)
    if burst.refusal is None or not _is_no_proxy(session):
        return burst
    invented = [_from(f"198.51.100.{number}") for number in range(1, ADDRESSES + 1)]
    escapes = [await _ask(session, operation, each) for each in invented]
    return replace(burst, escapes=tuple(escapes), still=await _ask(session, operation))


async def _ask(session: Session, operation: ServedOperation, headers: Headers = ()) -> Exchange:
    if operation.method == "POST" and operation.takes_body and operation.body is None:
        path = operation.path() or operation.template
        return await session.exchange("POST", path, headers=(FORM, *headers), content=PASSWORD, identity=NOBODY)
    return await session.call(operation, headers)


def _from(address: str) -> Headers:
    return tuple((name, address) for name in ("X-Forwarded-For", "X_FORWARDED_FOR", "X-Real-IP"))


def _is_no_proxy(session: Session) -> bool:
    """Whether the service has no reason to believe us: by default uvicorn trusts what comes from its own machine.

    A server that we start is told not to.
    """
    return session.server is not None or not is_loopback(session.client.address.host)


def _all(came: Sequence[Exchange | BaseException]) -> Iterator[Exchange]:
    for each in came:
        if isinstance(each, BaseException):
            raise each
        yield each


experiment = Experiment(Bursts, observe, phase=Phase.STRESS, intrusive=True)
