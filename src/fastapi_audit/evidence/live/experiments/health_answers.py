"""What a load balancer learns: the described and the usual paths of health checks, asked without credentials."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.inside import told_of_the_inside
from fastapi_audit.evidence.live.session import NOBODY, Experiment, NotPossible, Session
from fastapi_audit.evidence.source.probing import probe_of

USUAL = (
    "/health", "/healthz", "/health/live", "/health/ready", "/healthcheck", "/livez", "/live", "/readyz", "/ready",
    "/alive", "/ping", "/status", "/up", "/heartbeat",
)  # fmt: skip
NOWHERE = "/fastapi-audit-asks-for-nothing"
PERHAPS = re.compile(r"health|live|ready|readiness|alive|ping|status|heartbeat|\bup\b", re.IGNORECASE)
"""In the path of a described operation: it may be what a load balancer asks."""
BEFORE = re.compile(r"api|v\d+|internal|system", re.IGNORECASE)
MOST_PREFIXES = 4
MOST_PATHS = 20
PATIENCE_S = 4.0
"""Longer than anybody who asks for health waits."""
USUAL_TIMEOUT_S = 1.0
"""What Kubernetes waits for a probe, and Docker's examples."""
NOT_THERE = frozenset({404, 405, 410, 501})


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """One path of a health check, and what it answers to somebody without credentials."""

    operation: str
    exchange: Exchange

    @property
    def refused(self) -> bool:
        """Whether it asks for credentials, which those who ask for health do not have."""
        return self.exchange.status in (401, 403)

    @property
    def serves_anybody(self) -> bool:
        """Whether it answers of the health, good or bad."""
        return self.exchange.ok or self.exchange.status == UNAVAILABLE

    @property
    def too_late(self) -> bool:
        """Whether who asks has given up before the answer."""
        return not self.exchange.answered or self.exchange.seconds > USUAL_TIMEOUT_S

    @property
    def leak(self) -> str:
        """What it tells of the inside of the service."""
        return told_of_the_inside(self.exchange.text)

    @property
    def is_told(self) -> bool:
        """Whether it was answered, and by more than a refusal."""
        return self.exchange.answered and not self.refused


@dataclass(frozen=True, slots=True)
class HealthAnswers:
    """All that the service answers of its health."""

    answers: tuple[HealthAnswer, ...]
    missed: tuple[Exchange, ...]
    """Usual paths that are not there."""
    perhaps: tuple[str, ...]
    """Described operations that may be health checks by another name."""

    @property
    def untold(self) -> str:
        """Why nothing is known of what a health check answers; empty where one does."""
        if not self.answers:
            return "no health check was found"
        told = any(each.is_told for each in self.answers)
        return "" if told else f"`{self.answers[0].operation}` tells a stranger nothing"

    @property
    def serves_anybody(self) -> HealthAnswer | None:
        """The first that answers without credentials."""
        return next((each for each in self.answers if each.serves_anybody), None)


async def observe(session: Session) -> AsyncIterator[HealthAnswers]:
    """Asks the described paths, then the usual ones, then those below the usual prefixes."""
    gets = [each for each in session.safe_operations if "{" not in each.template]
    described = {each.key: each.template for each in gets if probe_of(each.template)}
    answers = [HealthAnswer(key, await _ask(session, path)) for key, path in [*described.items()][:MOST_PATHS]]
    nowhere = await _ask(session, NOWHERE)
    missed: list[Exchange] = []
    for prefix in ("", *_prefixes(session)):
        if prefix and answers:
            break
        for path in (f"{prefix}{usual}" for usual in USUAL if f"{prefix}{usual}" not in described.values()):
            exchange = await _ask(session, path)
            if exchange.status in {*NOT_THERE, nowhere.status}:
                missed.append(exchange)
            else:
                answers.append(HealthAnswer(f"GET {path}", exchange))
    if not answers and (not session.operations or nowhere.status not in NOT_THERE):
        message = "no usual path of a health check stands out, and the operations are not all known"
        raise NotPossible(message)
    perhaps = tuple(each.key for each in gets if PERHAPS.search(each.template))
    yield HealthAnswers(tuple(answers), tuple(missed), perhaps)


async def _ask(session: Session, path: str) -> Exchange:
    first = await session.exchange("GET", path, identity=NOBODY, timeout_s=PATIENCE_S)
    if first.answered and first.seconds <= USUAL_TIMEOUT_S:
        return first
    # A machine under load is slow once; a check that waits for something is slow again.
    again = await session.exchange("GET", path, identity=NOBODY, timeout_s=PATIENCE_S)
    return again if again.answered else first


def _prefixes(session: Session) -> Iterator[str]:
    """`/api/v1` and the like, as the described paths begin."""
    found: dict[str, None] = {}
    for operation in session.operations:
        prefix = ""
        for step in operation.template.strip("/").split("/")[:-1]:
            if not BEFORE.fullmatch(step):
                break
            prefix += f"/{step}"
            found[prefix] = None
    yield from [*found][:MOST_PREFIXES]


UNAVAILABLE = 503

experiment = Experiment(HealthAnswers, observe)
