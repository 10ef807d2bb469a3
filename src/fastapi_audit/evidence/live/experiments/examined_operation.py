"""Whether the operations keep what the service's own OpenAPI document promises, asked by Schemathesis."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from fastapi_audit.evidence.live.session import Experiment, NotPossible, Phase, Session
from fastapi_audit.model import Observation

SHARE_OF_REQUESTS = 5
"""A fifth of all that a probe may send."""
SHARE_OF_TIME = 0.35
"""Of what is left."""
RATE = 50
"""Requests per second, at most."""
SHORTEST_S, LONGEST_S = 8, 20


@dataclass(frozen=True, slots=True)
class ExaminedOperation:
    """One operation, and what was seen of each promise that it broke; `None` for those that it kept."""

    operation: str
    server_error: Observation | None
    ignored_auth: Observation | None
    broken_schema: Observation | None


async def observe(session: Session) -> AsyncIterator[ExaminedOperation]:
    """Generates requests, valid and not, for every operation that may be called."""
    # Late: a scan imports this module.
    from fastapi_audit.evidence.live import contract  # noqa: PLC0415

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
        shown_at=session.client.shown_at,
        secrets=session.client.secrets,
    )
    examined = await contract.examine(question)
    budget.requests += examined.requests
    if examined.reason:
        raise NotPossible(examined.reason)
    for each in examined.operations:
        seen = {promise.check: promise.observation for promise in each.broken}
        checks = (contract.SERVER_ERROR, contract.IGNORED_AUTH, contract.SCHEMA_BROKEN)
        yield ExaminedOperation(each.operation, *(seen.get(check) for check in checks))


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
