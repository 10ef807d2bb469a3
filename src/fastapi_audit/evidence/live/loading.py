"""The one load of a probe, on every operation that may be called; whoever needs it first makes it, the rest read it."""

from collections.abc import Iterator

from fastapi_audit.evidence.live.latency import Pace, Planned, Sampling, sample
from fastapi_audit.evidence.live.session import Session

MOST_OPERATIONS = 20
SHARE_OF_REQUESTS = 5
"""A fifth of all that a probe may send."""
SHARE_OF_TIME = 0.4
"""Of what is left."""
RATE = 50.0
"""Requests per second at most: far from what stresses a service."""
MOST_REQUESTS = 1000


async def warm(session: Session) -> None:
    """Calls everything a few times, so that what fills on first use is full before anybody looks."""
    if session.sampling is None:
        nothing = Pace(requests=0, timeout_s=session.probing.limits.request_s)
        await sample([*planned(session)], nothing, session.client.budget.take)


async def load(session: Session) -> Sampling:
    """The samples; made once for each session."""
    if session.sampling is None:
        session.sampling = await sample([*planned(session)], pace(session), session.client.budget.take)
    return session.sampling


def planned(session: Session) -> Iterator[Planned]:
    """What is sent, as the user."""
    for each in [*session.safe_operations][:MOST_OPERATIONS]:
        url = session.client.address.url + (each.path() or "")
        yield Planned(each.key, "GET", url, (*session.user.headers, *session.headers_of(each)))


def pace(session: Session) -> Pace:
    """As steady and as long as the limits of the probe allow."""
    limits, budget = session.probing.limits, session.client.budget
    rate = min(RATE, limits.rate)
    affordable = int(budget.seconds_left * SHARE_OF_TIME * rate)
    requests = min(MOST_REQUESTS, limits.max_requests // SHARE_OF_REQUESTS, affordable)
    return Pace(rate, requests, timeout_s=limits.request_s)
