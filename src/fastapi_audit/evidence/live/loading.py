"""The one load of a probe, on every operation that may be called; whoever needs it first makes it, the rest read it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from fastapi_audit.evidence.live import locust
from fastapi_audit.evidence.live.latency import Pace, Planned, Sampling, sample
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.probing import LOCUST, NOBODY, Identity
from fastapi_audit.evidence.live.session import Loaded, Session

MOST_OPERATIONS = 20
"""Of a load: more would leave each with too few requests to decide anything."""
SHARE_OF_REQUESTS = 5
"""A fifth of all that a probe may send."""
SHARE_OF_TIME = 0.4
"""Of what is left."""
SHARE_OF_WAITING = 0.3
"""Of what is left, for workers that are started elsewhere."""
RATE = 50.0
"""Requests per second at most: far from what stresses a service."""
MOST_REQUESTS = 20_000
"""However much the limits of the probe allow."""
PREFIX = re.compile(r"\{.*|api|v\d+", re.IGNORECASE)
"""A step of a path that does not tell the parts of a service apart."""


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
    for each in chosen(session):
        url = session.client.address.url + (each.path() or "")
        yield Planned(each.key, "GET", url, (*asking.headers, *session.headers_of(each)))


def chosen(session: Session) -> Sequence[ServedOperation]:
    """What the user has named, then of each part of the service one after the other, in the order of its paths."""
    callable_ = [*session.safe_operations]
    named = [each for each in callable_ if session.named(each)]
    others = [each for each in callable_ if each not in named]
    steps = Counter(map(_step, others))
    parts: dict[str, list[ServedOperation]] = {}
    for each in others:
        # Its tag, which FastAPI's routers give, else the path that it shares; what stands alone is one part together.
        step = _step(each) if steps[_step(each)] > 1 else ""
        parts.setdefault(each.tag or step, []).append(each)
    rounds = zip_longest(*parts.values())
    spread = [each for turn in rounds for each in turn if each is not None]
    return [*named, *spread][:MOST_OPERATIONS]


def _step(operation: ServedOperation) -> str:
    """The first of its path that tells the parts of a service apart."""
    return next((each for each in operation.template.split("/") if each and not PREFIX.fullmatch(each)), "")


def loaded(session: Session) -> Loaded:
    """How much of the service the samples are of."""
    measured = {each.operation for each in session.sampling.samples} if session.sampling else set()
    known = sum(1 for _ in session.safe_operations)
    return Loaded(len(session.operations), len(measured), len(session.operations) - known)


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
