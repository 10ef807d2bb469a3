"""What becomes of a page size that no page has."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import Parameter, ServedOperation
from fastapi_audit.evidence.live.session import Experiment, Phase, Session

NAMES = frozenset({"limit", "size", "page_size", "per_page", "take", "pagesize", "max_results", "top_k"})
ASKED = 100_000
MANY = 10_000
"""Entries that no page has."""
BODY_LIMIT = 8_000_000
MOST_OPERATIONS = 10


@dataclass(frozen=True, slots=True)
class LargePage:
    """One operation, asked for a hundred thousand entries."""

    operation: str
    name: str
    """Of the parameter."""
    exchange: Exchange
    plain: Exchange
    """Of a page of the usual size."""

    @property
    def entries(self) -> int:
        """Of the longest list that came."""
        return _longest(self.exchange)

    @property
    def is_taken(self) -> bool:
        """Whether the service really answers with as many as that, though a page is short."""
        return self.exchange.ok and self.entries >= MANY > _longest(self.plain)

    @property
    def is_refused(self) -> bool:
        """Whether the size is what it does not take: a page of the usual size went well."""
        return self.plain.ok and self.exchange.status in (400, 422)


async def observe(session: Session) -> AsyncIterator[LargePage]:
    """Asks every operation that has a page size without an upper bound."""
    taking = [each for each in session.safe_operations if _free(each)]
    seen = 0
    for operation in taking[:MOST_OPERATIONS]:
        free = _free(operation)
        plain = await session.call(operation)
        path = operation.path(**{free[0].name: str(ASKED)})
        if plain.ok and path is not None:
            large = await session.exchange("GET", path, headers=session.headers_of(operation), body_limit=BODY_LIMIT)
            seen += 1
            yield LargePage(operation.key, free[0].name, large, plain)
    session.looked_at(LargePage, seen, len(taking[:MOST_OPERATIONS]), len(taking))


def _free(operation: ServedOperation) -> list[Parameter]:
    """Its page sizes without an upper bound."""
    sizes = [each for each in operation.parameters if each.name.lower() in NAMES and each.place == "query"]
    return [each for each in sizes if each.kind == "integer" and each.maximum is None]


def _longest(exchange: Exchange) -> int:
    body = exchange.json()
    lists = [body, *(body.values() if isinstance(body, dict) else ())]
    return max((len(each) for each in lists if isinstance(each, list)), default=0)


experiment = Experiment(LargePage, observe, phase=Phase.STRESS, intrusive=True, needs_operations=True)
