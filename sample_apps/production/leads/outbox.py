"""Work that must survive the process: written with the data that causes it, delivered by `leads.worker`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from leads.tables import Lead, Message

LEASE = timedelta(minutes=1)
BATCH = 20
ATTEMPTS = 8


def announcement(lead: Lead) -> Message:
    return Message(kind="lead.created", payload={"tenant": lead.tenant_id, "email": lead.email})


async def lease_messages(sessions: async_sessionmaker[AsyncSession]) -> Sequence[Message]:
    """The oldest due messages; nobody else gets them until the lease ends."""
    now = datetime.now(UTC)
    due = (
        select(Message)
        .where(Message.delivered_at.is_(None), Message.due_at <= now, Message.attempts < ATTEMPTS)
        .order_by(Message.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    async with sessions.begin() as session:
        messages = (await session.scalars(due)).all()
        for message in messages:
            message.due_at = now + LEASE * 2**message.attempts
            message.attempts += 1
    return messages


async def mark_delivered(sessions: async_sessionmaker[AsyncSession], delivered: Sequence[int]) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Message).where(Message.id.in_(delivered)).values(delivered_at=datetime.now(UTC)))
