"""Whether the answers carry an id of their request."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import Experiment, NotPossible, Session

HEADER = re.compile(r"(^|-)(request|correlation|trace|transaction)-?id$|^traceparent$|^traceresponse$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RequestId:
    """Two answers of one operation, and the header that names the request in them."""

    first: Exchange
    second: Exchange

    @property
    def header(self) -> str:
        """Its name; empty where none differs from request to request."""
        named = [name for name, value in self.first.headers if HEADER.search(name) and value]
        return next((name for name in named if self.second.header(name) not in ("", self.first.header(name))), "")


async def observe(session: Session) -> AsyncIterator[RequestId]:
    """Asks one operation twice."""
    path = (await session.anywhere()).path
    first, second = await session.get(path), await session.get(path)
    if not (first.answered and second.answered):
        message = f"{path} was answered once, and not again"
        raise NotPossible(message)
    yield RequestId(first, second)


experiment = Experiment(RequestId, observe)
