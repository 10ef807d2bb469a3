"""What a request that is refused gets back of the password in it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import Experiment, Session
from fastapi_audit.evidence.secret_names import SECRET_FIELD

INVENTED = "fastapi-audit-invented-secret"
REFUSED = frozenset({400, 422})
MOST_OPERATIONS = 10


@dataclass(frozen=True, slots=True)
class RejectedSecret:
    """The answer to a body that has an invented secret, of a type that cannot be valid."""

    operation: str
    name: str
    """Of the field."""
    exchange: Exchange

    @property
    def comes_back(self) -> bool:
        """Whether the answer repeats it."""
        return INVENTED in self.exchange.text


async def observe(session: Session) -> AsyncIterator[RejectedSecret]:
    """Sends a list where a secret belongs: no operation gets to see that."""
    taking = [each for each in session.callable_operations if _secrets(each) and each.path() is not None]
    seen = 0
    for operation in taking[:MOST_OPERATIONS]:
        secrets, path = _secrets(operation), operation.path() or operation.template
        body = {**_body(operation), **{name: [INVENTED] for name in secrets}}
        headers = (*session.headers_of(operation), ("Content-Type", "application/json"))
        exchange = await session.exchange(operation.method, path, headers=headers, content=json.dumps(body).encode())
        if exchange.status in REFUSED:
            seen += 1
            yield RejectedSecret(operation.key, secrets[0], exchange)
    session.looked_at(RejectedSecret, seen, len(taking[:MOST_OPERATIONS]), len(taking))


def _secrets(operation: ServedOperation) -> list[str]:
    return [name for name in operation.texts if SECRET_FIELD.fullmatch(name)]


def _body(operation: ServedOperation) -> dict[str, object]:
    try:
        body = json.loads(operation.body or b"")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


experiment = Experiment(RejectedSecret, observe, mutating=True)
