"""Whether a parameter decides how browsers read an answer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import Parameter, ServedOperation
from fastapi_audit.evidence.live.session import Experiment, Session

INVENTED = "fastapi-audit"
"""No content type has it."""
REFUSED = (400, 422)
MOST_OPERATIONS = 40
MOST_PARAMETERS = 6


@dataclass(frozen=True, slots=True)
class ChosenMediaType:
    """One text parameter of an operation, with an invented value."""

    operation: str
    name: str
    exchange: Exchange

    @property
    def decides(self) -> bool:
        """Whether the invented value is in the content type of an answer that went well."""
        return self.exchange.ok and INVENTED in self.exchange.header("content-type").lower()

    @property
    def is_told(self) -> bool:
        """Whether the value was taken, or refused for what it is: any other refusal says nothing of it."""
        return self.exchange.ok or self.exchange.status in REFUSED


async def observe(session: Session) -> AsyncIterator[ChosenMediaType]:
    """Gives every text parameter of every operation that may be called an invented value, one after the other."""
    taking = [each for each in session.safe_operations if _texts(each)]
    seen = set()
    for operation in taking[:MOST_OPERATIONS]:
        for parameter in _texts(operation)[:MOST_PARAMETERS]:
            exchange = await session.call(operation, arguments={parameter.name: INVENTED})
            if exchange.answered:
                seen.add(operation)
                yield ChosenMediaType(operation.key, parameter.name, exchange)
    session.looked_at(ChosenMediaType, len(seen), len(taking[:MOST_OPERATIONS]), len(taking))


def _texts(operation: ServedOperation) -> list[Parameter]:
    return [each for each in operation.parameters if each.kind == "string" and each.place in ("path", "query")]


experiment = Experiment(ChosenMediaType, observe, needs_operations=True)
