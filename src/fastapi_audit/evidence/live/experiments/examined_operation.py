"""Whether the operations keep what the service's own OpenAPI document promises, asked by Schemathesis."""

import json
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fastapi_audit.evidence.live.session import Experiment, NotPossible, Phase, Session
from fastapi_audit.evidence.live.statuses import NOT_REACHED, UNHANDLED
from fastapi_audit.model import Observation

if TYPE_CHECKING:
    from fastapi_audit.evidence.live import contract
    from fastapi_audit.evidence.live.crashes import Crash

OK, REDIRECTED = 200, 300
REFUSED = frozenset({401, 403})
SHARE_OF_REQUESTS = 5
"""A fifth of all that a probe may send."""
SHARE_OF_TIME = 0.35
"""Of what is left."""
RATE = 50
"""Requests per second, at most."""
SHORTEST_S, LONGEST_S = 8, 20
AFTERWARDS_S = 4.0
"""What must be left of the time when Schemathesis is told to end, to read what it has seen so far."""
MOST_OPERATIONS = 40
SHARE_OF_PLAIN = 0.3
"""Of what is left then, for calls with arguments that should work."""
PATIENCE_SECONDS = 3.0
"""For an operation that is called to see whether it crashes."""


@dataclass(frozen=True, slots=True)
class ExaminedOperation:
    """One operation, and what was seen of each promise that it broke; `None` for those that it kept."""

    operation: str
    crash: "Crash | None"
    ignored_auth: Observation | None
    broken_schema: Observation | None
    statuses: frozenset[int] = frozenset()
    """Of its answers."""
    secured: bool = False
    """Whether its description says that it asks for credentials."""

    @property
    def reached(self) -> bool:
        """Whether a handler has answered: what is refused before says nothing of it."""
        return bool(self.statuses - NOT_REACHED)

    @property
    def went_well(self) -> bool:
        """Whether a request got what it asked for, which is what a description promises."""
        return any(OK <= status < REDIRECTED for status in self.statuses)

    @property
    def asks_who(self) -> bool:
        """Whether a request was served, or refused for its credentials."""
        return self.went_well or bool(self.statuses & REFUSED)


async def observe(session: Session) -> AsyncIterator[ExaminedOperation]:
    """Generates requests, valid and not, for every operation that may be called."""
    from fastapi_audit.evidence.live import contract  # noqa: PLC0415  a scan imports this module

    if find_spec("schemathesis") is None:
        message = "Schemathesis is not installed; `pip install 'fastapi-audit-cli[probe]'` brings it"
        raise NotPossible(message)
    limits, budget = session.probing.limits, session.client.budget
    requests = limits.max_requests // SHARE_OF_REQUESTS
    question = contract.Question(
        _document(session),
        session.client.address.url,
        session.user.headers,
        mutating=session.probing.permissions.mutating,
        seconds=max(SHORTEST_S, int(min(LONGEST_S, requests / RATE, budget.seconds_left * SHARE_OF_TIME))),
        rate=int(min(RATE, limits.rate)),
        timeout_s=limits.request_s,
        patience_s=budget.seconds_left - AFTERWARDS_S,
        shown_at=session.client.shown_at,
        secrets=session.client.secrets,
    )
    examined = await contract.examine(question)
    budget.requests += examined.requests
    broken = {each.operation: each for each in examined.operations}
    crashes = {each.operation: each for each in await _crashes(session, examined.operations)}
    secured = {each.key for each in session.operations if each.secured}
    for operation in sorted(broken.keys() | crashes.keys()):
        yield ExaminedOperation(
            operation,
            crashes.get(operation),
            _seen(broken.get(operation), contract.IGNORED_AUTH),
            _seen(broken.get(operation), contract.SCHEMA_BROKEN),
            broken[operation].statuses if operation in broken else frozenset(),
            operation in secured,
        )
    if examined.reason:
        raise NotPossible(examined.reason)
    possible = sum(len(METHODS & item.keys()) for item in question.document["paths"].values())
    session.looked_at(ExaminedOperation, len(broken), max(possible, len(broken)), max(possible, len(broken)))


async def _crashes(session: Session, examined: Sequence["contract.ExaminedOperation"]) -> "list[Crash]":
    """What crashed, each sent again once for its cause."""
    from fastapi_audit.evidence.live.contract import SERVER_ERROR  # noqa: PLC0415  a scan imports this module
    from fastapi_audit.evidence.live.crashes import Crash, looked_into, with_causes  # noqa: PLC0415  the same

    crashed = [(each.operation, promise) for each in examined if (promise := each.failing(SERVER_ERROR))]
    generated = [Crash(operation, promise.sent, promise.observation) for operation, promise in crashed]
    # First what is known to crash: slow operations would leave no time for it.
    looked = await looked_into(session, generated)
    found = {each.operation for each in looked}
    plain = [each async for each in _plain(session, found)]
    # Once more where nothing was read: on a busy machine the log comes late.
    return with_causes(await looked_into(session, [*looked, *plain]))


async def _plain(session: Session, found: Collection[str]) -> "AsyncIterator[Crash]":
    """Operations that crash on arguments that should work: what is generated does not come round to all in time."""
    from fastapi_audit.evidence.live.crashes import Crash, Sent, in_log, printed, seen  # noqa: PLC0415  a scan imports

    left = [each for each in session.safe_operations if each.key not in found]
    deadline = time.monotonic() + session.client.budget.seconds_left * SHARE_OF_PLAIN
    for operation in left[:MOST_OPERATIONS]:
        patience = min(PATIENCE_SECONDS, deadline - time.monotonic())
        if patience <= 0 or session.client.budget.spent:
            return
        mark = printed(session)
        answer = await session.call(operation, timeout_s=patience)
        if answer.status == UNHANDLED:
            told = await in_log(session, mark)
            sent = Sent("GET", answer.path, session.headers_of(operation))
            yield Crash(operation.key, sent, seen(answer, told), told)


def _seen(examined: "contract.ExaminedOperation | None", check: str) -> Observation | None:
    promise = examined.failing(check) if examined else None
    return promise.observation if promise else None


def _document(session: Session) -> Mapping[str, Any]:
    """The description of the service, reduced to the operations that may be called."""
    document = json.loads(session.description)
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        message = "the description of the service is no OpenAPI document"
        raise NotPossible(message)
    callable_ = {each.key for each in session.callable_operations}
    paths = {
        path: {
            name: told for name, told in item.items() if name not in METHODS or f"{name.upper()} {path}" in callable_
        }
        for path, item in document["paths"].items()
        if isinstance(item, dict)
    }
    return {**document, "paths": {path: item for path, item in paths.items() if METHODS & item.keys()}}


METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}

experiment = Experiment(ExaminedOperation, observe, phase=Phase.MEASURE, needs_operations=True)
