"""One WebSocket of a service: opened as somebody, told a few things, and left; bounded, and failures are data."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Origin

from fastapi_audit.evidence.live.client import Client
from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.probing import Headers, Identity

MESSAGE_LIMIT = 200_000
"""Bytes of one message."""
MOST_MESSAGES = 20
BODY_LIMIT = 4_000
OPENING_SECONDS = 5.0
CLOSING_SECONDS = 1.0
ABNORMAL = 1006
SWITCHED = 101
HANDSHAKE: Headers = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "ZmFzdGFwaS1hdWRpdCEhIQ=="),
)
NOT_OURS = frozenset({"host", "connection", "upgrade", "user-agent", "origin"})


@dataclass(frozen=True, slots=True)
class Conversation:
    """What came of it."""

    exchange: Exchange
    """The handshake; its body is what the server said afterwards."""
    received: tuple[str, ...] = ()
    """The messages of the server, text or the beginning of what is binary."""
    answered: bool = False
    """Whether one of them came after ours."""
    code: int | None = None
    """With which the server ended it; `None` when it was still open, or never was."""
    longest: int = 0
    """Bytes of its longest message."""

    @property
    def accepted(self) -> bool:
        """Whether the server agreed to talk."""
        return self.exchange.status == SWITCHED

    @property
    def stays(self) -> bool:
        """Whether it was still open when we left."""
        return self.accepted and self.code is None

    @property
    def broken(self) -> bool:
        """Whether the server ended it as it does when a handler fails; or returns without a word."""
        return self.accepted and self.code in (ABNORMAL, 1011)


@dataclass(frozen=True, slots=True)
class Talk:
    """Whom to be, and what to say."""

    path: str
    identity: Identity = field(default_factory=Identity)
    origin: str = ""
    says: tuple[str, ...] = ()
    listens_s: float = 0.4
    """After opening, and after each message."""
    takes: int = MESSAGE_LIMIT
    """Bytes of a message of the server."""
    drops: bool = False
    """Whether to leave without a goodbye, as a phone does in a tunnel."""


async def talk(client: Client, about: Talk) -> Conversation:
    """One conversation; raises `BudgetSpent` when there is none left."""
    await client.budget.spend()
    sent = tuple(each for each in about.identity.headers if each[0].lower() not in NOT_OURS)
    origin = (("Origin", about.origin),) if about.origin else ()
    told = Exchange("GET", about.path, (*HANDSHAKE, *origin, *sent), shown_at=client.shown_at, secrets=client.secrets)
    told = replace(told, folders=client.folders, address=client.address.authority)
    address = f"ws{client.address.url.removeprefix('http')}{about.path}"
    try:
        opening = _Connect(
            address,
            origin=Origin(about.origin) if about.origin else None,
            additional_headers=list(sent),
            user_agent_header="fastapi-audit",
            compression=None,
            proxy=None,
            open_timeout=min(OPENING_SECONDS, max(0.1, client.budget.seconds_left)),
            close_timeout=CLOSING_SECONDS,
            ping_interval=None,
            max_size=about.takes,
        )
        async with opening as connection:
            talked = await _Talking(connection, told).through(about)
            if about.drops:
                connection.transport.abort()
            return talked
    except InvalidStatus as refused:
        return Conversation(_answered(told, refused.response))
    except (WebSocketException, OSError, TimeoutError, ValueError) as error:
        return Conversation(replace(told, failure=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """No redirect is followed: it may lead to another machine."""
        return exc


@dataclass(slots=True)
class _Talking:
    connection: ClientConnection
    told: Exchange
    received: list[str] = field(default_factory=list)
    longest: int = 0
    begun: float = field(default_factory=time.monotonic)

    async def through(self, about: Talk) -> Conversation:
        before = math.inf
        try:
            await self._listen(about.listens_s)
            for message in about.says:
                before = min(before, len(self.received))
                await self.connection.send(message)
                await self._listen(about.listens_s)
        except ConnectionClosed as closed:
            return self._ended(before, closed.rcvd.code if closed.rcvd else ABNORMAL)
        return self._ended(before, None)

    async def _listen(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and len(self.received) < MOST_MESSAGES:
            try:
                message = await asyncio.wait_for(self.connection.recv(), left)
            except TimeoutError:
                return
            self.longest = max(self.longest, len(message))
            text = message if isinstance(message, str) else message.decode(errors="replace")
            self.received.append(text[:BODY_LIMIT])

    def _ended(self, before: float, code: int | None) -> Conversation:
        exchange = _answered(self.told, self.connection.response, self.received)
        exchange = replace(exchange, seconds=time.monotonic() - self.begun)
        return Conversation(exchange, tuple(self.received), len(self.received) > before, code, self.longest)


def _answered(told: Exchange, response: Any, received: Sequence[str] = ()) -> Exchange:
    headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
    body = "\n".join(received).encode() if received else bytes(response.body or b"")
    return replace(
        told, status=int(response.status_code), headers=headers, body=body[:BODY_LIMIT], length=len(body), complete=True
    )
