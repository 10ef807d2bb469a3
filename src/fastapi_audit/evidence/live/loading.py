"""The one load of a probe, on every operation that may be called; whoever needs it first makes it, the rest read it."""

from collections.abc import Iterator

from fastapi_audit.evidence.live import locust
from fastapi_audit.evidence.live.latency import Pace, Planned, Sampling, sample
from fastapi_audit.evidence.live.probing import LOCUST, NOBODY, Identity
from fastapi_audit.evidence.live.session import Session

MOST_OPERATIONS = 20
SHARE_OF_REQUESTS = 5
"""A fifth of all that a probe may send."""
SHARE_OF_TIME = 0.4
"""Of what is left."""
SHARE_OF_WAITING = 0.3
"""Of what is left, for workers that are started elsewhere."""
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
        session.sampling = await _sampled(session)
    return session.sampling


async def _sampled(session: Session) -> Sampling:
    sent = [*planned(session)]
    if session.probing.engine != LOCUST or not sent:
        return await sample(sent, pace(session), session.client.budget.take)
    # Waiting for workers is part of the time of the probe.
    patience = session.client.budget.seconds_left * SHARE_OF_WAITING
    crew = locust.Crew(session.probing.locust_workers, session.probing.locust_listen, patience)
    sampling = await locust.sample([*planned(session, NOBODY)], pace(session), session.user.headers, crew)
    session.client.budget.requests += len(sampling.samples)
    return sampling


def planned(session: Session, identity: Identity | None = None) -> Iterator[Planned]:
    """What is sent, as the user unless another identity is given."""
    asking = session.user if identity is None else identity
    for each in [*session.safe_operations][:MOST_OPERATIONS]:
        url = session.client.address.url + (each.path() or "")
        yield Planned(each.key, "GET", url, (*asking.headers, *session.headers_of(each)))


def exported(session: Session) -> str:
    """The load as a file for Locust, for teams that run their own."""
    return locust.locustfile([*planned(session, NOBODY)], pace(session))


def pace(session: Session) -> Pace:
    """As steady and as long as the limits of the probe allow."""
    limits, budget = session.probing.limits, session.client.budget
    rate = min(RATE, limits.rate)
    affordable = int(budget.seconds_left * SHARE_OF_TIME * rate)
    requests = min(MOST_REQUESTS, limits.max_requests // SHARE_OF_REQUESTS, affordable)
    return Pace(rate, requests, timeout_s=limits.request_s)
