"""Whether a parameter decides how browsers read an answer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import Experiment, Session

INVENTED = "fastapi-audit"
"""No content type has it."""
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


async def observe(session: Session) -> AsyncIterator[ChosenMediaType]:
    """Gives every text parameter of every operation that may be called an invented value, one after the other."""
    for operation in [*session.safe_operations][:MOST_OPERATIONS]:
        texts = [each for each in operation.parameters if each.kind == "string" and each.place in ("path", "query")]
        for parameter in texts[:MOST_PARAMETERS]:
            exchange = await session.call(operation, arguments={parameter.name: INVENTED})
            if exchange.answered:
                yield ChosenMediaType(operation.key, parameter.name, exchange)


experiment = Experiment(ChosenMediaType, observe, needs_operations=True)
