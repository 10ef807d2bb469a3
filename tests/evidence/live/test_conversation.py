"""A WebSocket that is no proper one, or never stops talking, is an exchange like any other."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from fastapi_audit.evidence.live.budget import Budget
from fastapi_audit.evidence.live.client import Client, connected
from fastapi_audit.evidence.live.conversation import MOST_MESSAGES, Conversation, Talk, talk
from fastapi_audit.evidence.live.permission import permitted
from fastapi_audit.evidence.live.probing import Limits, Permissions
from raw_server import always, answering


def talked(url: str) -> Conversation:
    async def once() -> Conversation:
        async with connected() as http:
            client = Client(permitted(url), Permissions(), Budget(Limits()), http, url)
            return await talk(client, Talk("/feed"))

    return asyncio.run(once())


@contextmanager
def flooding() -> Iterator[str]:
    """Sends as long as anybody listens."""

    def flood(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                connection.send("news")

    with serve(flood, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"


def test_a_handshake_that_is_no_http_is_a_failure() -> None:
    with answering(always(b"hello\r\n\r\n")) as server:
        conversation = talked(server.url)

    assert not conversation.accepted
    assert conversation.exchange.failure.startswith("InvalidMessage")


def test_no_more_messages_are_kept_than_tell_what_it_says() -> None:
    with flooding() as url:
        conversation = talked(url)

    assert conversation.received == ("news",) * MOST_MESSAGES
    assert conversation.exchange.status == 101
