"""Delivers the outbox. A process of its own: `python -m leads.worker`."""

import asyncio
import signal
from pathlib import Path

import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from leads.database import create_engine, create_sessions
from leads.logs import configure_logging
from leads.outbox import lease_messages, mark_delivered
from leads.settings import get_settings
from leads.tables import Message

logger = structlog.stdlib.get_logger(__name__)
HEARTBEAT = Path("/tmp/leads-worker-heartbeat")
POLL_SECONDS = 2


async def deliver(client: httpx.AsyncClient, url: str, message: Message) -> bool:
    """Receivers tell repetitions by the key: a delivery whose confirmation is lost is sent again."""
    try:
        answer = await client.post(
            url,
            json={"kind": message.kind, "payload": message.payload},
            headers={"Idempotency-Key": str(message.id)},
        )
        answer.raise_for_status()
    except httpx.HTTPError:
        logger.warning("delivery_failed", message=message.id, attempt=message.attempts, exc_info=True)
        return False
    return True


async def deliver_due(client: httpx.AsyncClient, url: str, sessions: async_sessionmaker[AsyncSession]) -> int:
    messages = await lease_messages(sessions)
    sent = await asyncio.gather(*(deliver(client, url, message) for message in messages))
    await mark_delivered(sessions, [message.id for message, ok in zip(messages, sent, strict=True) if ok])
    return len(messages)


async def main() -> None:
    settings = get_settings()
    configure_logging(settings.log_level)
    if settings.webhook_url is None:
        raise SystemExit("LEADS_WEBHOOK_URL is missing: there is nowhere to deliver to")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engine = create_engine(settings, settings.database, "worker")
    sessions = create_sessions(engine)
    async with httpx.AsyncClient(timeout=10) as client:
        while not stop.is_set():
            HEARTBEAT.touch()
            if not await deliver_due(client, settings.webhook_url, sessions):
                await sleep_until(stop)
    await engine.dispose()


async def sleep_until(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await stop.wait()
    except TimeoutError:
        return


if __name__ == "__main__":
    asyncio.run(main())
