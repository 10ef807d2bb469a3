"""What becomes of a Host header that names a foreign site."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import Experiment, Session

FORGED = "fastapi-audit.example"
MOST = 6
"""Paths that are asked for with the other slash, to be redirected."""


@dataclass(frozen=True, slots=True)
class ForgedHostAnswer:
    """One answer to a request that names a foreign host."""

    host: str
    exchange: Exchange

    @property
    def leads_there(self) -> bool:
        """Whether the answer redirects to the foreign host."""
        target = self.exchange.header("location").partition("://")[2].partition("/")[0]
        return target.rpartition("@")[2].partition(":")[0] == self.host


async def observe(session: Session) -> AsyncIterator[ForgedHostAnswer]:
    """Asks a path that answers, then others with a slash too many or too few."""
    headers = (("Host", FORGED),)
    yield ForgedHostAnswer(FORGED, await session.get((await session.anywhere()).path, headers=headers))
    plain = [path for each in session.safe_operations if (path := each.path()) and "?" not in path and path != "/"]
    for path in sorted(plain, key=len)[:MOST]:
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        yield ForgedHostAnswer(FORGED, await session.get(other, headers=headers))


experiment = Experiment(ForgedHostAnswer, observe)
