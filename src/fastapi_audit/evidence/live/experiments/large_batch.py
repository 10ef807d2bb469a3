"""How many items of a batch are looked at before it is refused."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import ServedOperation
from fastapi_audit.evidence.live.session import NO_OPERATIONS, Experiment, NotPossible, Phase, Session

ITEMS = 20_000
FEWEST = 4_999
"""Of large items; a batch that people send has fewer."""
LARGEST = 4_000_000
"""Bytes of a batch."""
MOST_OPERATIONS = 6
TOO_LARGE = 413
REFUSED = frozenset({400, 422})
NAMED = re.compile(r"\bbody\b\W{1,6}(?:[A-Za-z_]\w{0,60}\W{1,6})?(\d{1,6})\b")
"""The number of an item in the place of an error: `["body", 4999, "email"]`, `body.leads.4999`."""


@dataclass(frozen=True, slots=True)
class LargeBatch:
    """One operation that refuses a batch for its last item, which is none, and what it says of a large one."""

    operation: str
    items: int
    """Good ones that stand before the broken one."""
    exchange: Exchange
    field: str = ""
    """Of the body, that holds the items; empty when the body is the list itself."""

    @property
    def is_read_on(self) -> bool:
        """Whether the refusal names an item that no batch of people has: all before it were looked at."""
        named = (int(each) for each in NAMED.findall(self.exchange.text))
        return self._is_refused and not self.is_too_large and any(FEWEST <= each <= self.items for each in named)

    @property
    def is_too_large(self) -> bool:
        """Whether it is the size that is refused."""
        return self.exchange.status == TOO_LARGE or (self._is_refused and '"too_long"' in self.exchange.text)

    @property
    def _is_refused(self) -> bool:
        return self.exchange.status in REFUSED


async def observe(session: Session) -> AsyncIterator[LargeBatch]:
    """Sends batches whose last item cannot be valid, a short one first: no operation gets to see them."""
    if not session.operations:
        raise NotPossible(session.no_operations or NO_OPERATIONS)
    taking = [each for each in session.callable_operations if _batch(each)[0] is not None and each.path() is not None]
    seen = 0
    for operation in taking[:MOST_OPERATIONS]:
        (item, place), path = _batch(operation), operation.path() or operation.template
        items = min(ITEMS, LARGEST // len(json.dumps(item)))
        few = await _send(session, operation, path, _body(operation, place, [item, []]))
        if items < FEWEST or few.status not in REFUSED:
            continue
        many = await _send(session, operation, path, _body(operation, place, [*[item] * items, []]))
        seen += 1
        yield LargeBatch(operation.key, items, many, place)
    session.looked_at(LargeBatch, seen, len(taking[:MOST_OPERATIONS]), len(taking))


def _batch(operation: ServedOperation) -> tuple[dict[str, Any] | None, str]:
    """An item of the list of objects that its JSON body is, or has, and the name of that field."""
    body = _described(operation)
    lists = {"": body} if isinstance(body, list) else body if isinstance(body, dict) else {}
    for name, value in lists.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return value[0], name
    return None, ""


def _body(operation: ServedOperation, place: str, items: Sequence[object]) -> bytes:
    return json.dumps({**_described(operation), place: items} if place else items).encode()


def _described(operation: ServedOperation) -> Any:
    try:
        return json.loads(operation.body or b"null")
    except (ValueError, RecursionError):
        return None


async def _send(session: Session, operation: ServedOperation, path: str, content: bytes) -> Exchange:
    headers = (*session.headers_of(operation), ("Content-Type", "application/json"))
    return await session.exchange(operation.method, path, headers=headers, content=content)


experiment = Experiment(LargeBatch, observe, phase=Phase.STRESS, intrusive=True, mutating=True)
