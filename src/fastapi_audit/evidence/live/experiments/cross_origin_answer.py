"""How the service answers the page of a foreign site, which a browser would ask with the user's cookies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.operations import browsers_sign_in
from fastapi_audit.evidence.live.session import Experiment, Session

FOREIGN = "https://fastapi-audit.example"
"""A site that no service has a reason to trust."""


@dataclass(frozen=True, slots=True)
class CrossOriginAnswer:
    """A plain request of a foreign site, and the question before one that changes something."""

    origin: str
    plain: Exchange
    preflight: Exchange
    browsers_sign_in: bool = False
    """Whether a browser is known to send credentials by itself: a cookie was set, or the description names one."""

    @property
    def lets_it_act_as_the_user(self) -> Exchange | None:
        """The answer that lets the site in by name, with cookies."""
        return next((each for each in (self.plain, self.preflight) if self._lets_in(each)), None)

    @property
    def lets_nobody_in(self) -> bool:
        """Whether both were answered, and neither lets the site send cookies."""
        return self.plain.ok and self.preflight.answered and self.lets_it_act_as_the_user is None

    def _lets_in(self, exchange: Exchange) -> bool:
        named = exchange.header("access-control-allow-origin") == self.origin
        return named and exchange.header("access-control-allow-credentials").lower() == "true"


async def observe(session: Session) -> AsyncIterator[CrossOriginAnswer]:
    """Asks once as a page of an invented site would, and once before a change."""
    path = (await session.anywhere()).path
    origin = ("Origin", FOREIGN)
    plain = await session.get(path, headers=(origin, ("Cookie", "fastapi_audit=1")))
    preflight = await session.exchange("OPTIONS", path, headers=(origin, ("Access-Control-Request-Method", "GET")))
    signs_in = browsers_sign_in(session.description) or any(each.header("set-cookie") for each in (plain, preflight))
    yield CrossOriginAnswer(FOREIGN, plain, preflight, signs_in)


experiment = Experiment(CrossOriginAnswer, observe)
