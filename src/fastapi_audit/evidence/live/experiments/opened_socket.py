"""Whom the WebSockets of a service let in, and what becomes of them after a broken message and after a goodbye."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.session import NOBODY, Experiment, NotPossible, Phase, Session

if TYPE_CHECKING:
    from fastapi_audit.evidence.live.conversation import Conversation

MOST_SOCKETS = 8
FOREIGN = "https://fastapi-audit.example"
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
HARMLESS = "{}"
BROKEN = "{fastapi-audit"
LARGE = 2_000_000
"""Bytes of a message that nobody types; uvicorn takes 16 MiB unless told otherwise."""
PATIENCE_SECONDS = 0.8
"""For it to come back."""
SETTLING_SECONDS = 0.3
"""Until the server has written what it has to say of a connection that has ended."""
ASKS = re.compile(
    r"auth|token|log.?in|sign.?in|denied|forbid|credential|password|session|permission|40[13]|ticket|key", re.IGNORECASE
)
"""What a server says that wants to know who is there."""
NORMAL, ABNORMAL = 1000, 1006
"""The second is how uvicorn ends a connection whose handler has returned, as well as one whose handler has failed."""


@dataclass(frozen=True, slots=True)
class OpenedSocket:
    """One WebSocket, opened by nobody, the user and a foreign page with their cookies, told nonsense and too much."""

    operation: str
    """`WEBSOCKET /feed/{id}`."""
    nobody: "Conversation"
    """Without credentials, told `{}`."""
    user: "Conversation"
    """As the user who was given, who says nothing; nobody where none was."""
    foreign: "Conversation"
    """As that user, from a page of another site."""
    own: "Conversation"
    """As that user, from a page of the service itself."""
    broken: "Conversation"
    """As that user, told what is no JSON."""
    large: "Conversation"
    """As that user, told two megabytes."""
    knows_cookie: bool
    """Whether the user's credentials are a cookie, which browsers send from any page."""
    after_broken: str
    """What the log has of it; empty for a server that we did not start."""
    after_goodbye: str
    """What the log has after the user left in peace."""
    logged: bool = False
    """Whether there is a log to read."""

    @property
    def serves_nobody(self) -> Exchange | None:
        """The conversation in which somebody without credentials was served."""
        talked = self.nobody.code in (None, NORMAL, ABNORMAL) and bool(self.nobody.received)
        asked = any(ASKS.search(text) for text in self.nobody.received)
        return self.nobody.exchange if talked and not asked else None

    @property
    def lets_foreign_page_in(self) -> Exchange | None:
        """The conversation of a foreign page, of a socket that asks for a cookie and lets nobody in without."""
        served = self.user.accepted and self.foreign.accepted and not self._refuses(self.foreign)
        asks = not self.nobody.accepted or self._refuses(self.nobody)
        return self.foreign.exchange if self.knows_cookie and served and asks else None

    @property
    def keeps_foreign_page_out(self) -> Exchange | None:
        """The refusal of a foreign page, where one of the service itself is let in."""
        refused = not self.foreign.accepted or self._refuses(self.foreign)
        let_in = self.own.accepted and not self._refuses(self.own)
        return self.foreign.exchange if self.knows_cookie and refused and let_in else None

    @property
    def breaks(self) -> Exchange | None:
        """The conversation that one broken message ended with an error of the server."""
        # Without a log: what is JSON does not end it, and nothing is said of what is none.
        alone = not self.after_broken and self.nobody.stays and not self.broken.answered
        told = "Traceback" in self.after_broken or alone
        return self.broken.exchange if self.user.stays and self.broken.broken and told else None

    @property
    def passes_on_large(self) -> Exchange | None:
        """The conversation in which two megabytes came back, as they would to everybody in a room."""
        return self.large.exchange if self.large.longest >= LARGE else None

    @property
    def goodbye_is_error(self) -> Exchange | None:
        """The conversation after whose end the log has a traceback of the disconnect."""
        told = "Exception in ASGI application" in self.after_goodbye and "WebSocketDisconnect" in self.after_goodbye
        return self.user.exchange if self.user.stays and told else None

    def _refuses(self, conversation: "Conversation") -> bool:
        """Whether the server ended a connection that it leaves open for the user."""
        return not conversation.stays and self.user.stays


async def observe(session: Session) -> AsyncIterator[OpenedSocket]:
    """Opens each WebSocket six times, those whose log matters one after the other."""
    if find_spec("websockets") is None:
        message = "websockets is not installed; `pip install 'fastapi-audit-cli[probe]'` brings it"
        raise NotPossible(message)
    templates = await session.sockets()
    if templates is None:
        message = "no WebSocket is known: `audit` reads their paths from the files, --app asks the application"
        raise NotPossible(message)
    for template in templates[:MOST_SOCKETS]:
        yield await _opened(session, template)
    asked = len(templates[:MOST_SOCKETS])
    session.looked_at(OpenedSocket, asked, asked, len(templates), "WebSockets")


async def _opened(session: Session, template: str) -> OpenedSocket:
    import asyncio  # noqa: PLC0415  a scan imports this module

    from fastapi_audit.evidence.live.conversation import Talk, talk  # noqa: PLC0415

    key = f"WEBSOCKET {template}"
    path = path_of(session, template)
    client, user = session.client, session.user

    async def logged(about: Talk) -> "tuple[Conversation, str]":
        before = session.server.printed if session.server else 0
        conversation = await talk(client, about)
        await asyncio.sleep(SETTLING_SECONDS)
        return conversation, session.server.printed_since(before) if session.server else ""

    said_nothing, after_goodbye = await logged(Talk(path, user))
    broken, after_broken = await logged(Talk(path, user, says=(BROKEN,)))
    others = (
        Talk(path, NOBODY, says=(HARMLESS,)),
        Talk(path, user, origin=FOREIGN),
        Talk(path, user, origin=client.address.origin),
        Talk(path, user, says=(f'"{"x" * LARGE}"',), listens_s=PATIENCE_SECONDS, takes=2 * LARGE),
    )
    nobody, foreign, own, large = await asyncio.gather(*(talk(client, each) for each in others))
    await asyncio.sleep(SETTLING_SECONDS)
    return OpenedSocket(
        key,
        nobody,
        said_nothing,
        foreign,
        own,
        broken,
        large,
        any(name.lower() == "cookie" for name, _ in user.headers),
        after_broken,
        after_goodbye,
        session.server is not None,
    )


def path_of(session: Session, template: str) -> str:
    """Where a WebSocket is opened: with the arguments that the user has given, else with ones."""
    named = session.probing.named.get(f"WEBSOCKET {template}")
    known: Mapping[str, str] = named.path if named else {}
    return PARAMETER.sub(lambda name: known.get(name[1], "1"), template)


experiment = Experiment(OpenedSocket, observe, phase=Phase.STRESS, intrusive=True)
