"""The leads of one tenant."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from leads.database import Session
from leads.errors import DuplicateLead, LeadNotFound
from leads.outbox import announcement
from leads.schemas import LeadChange, LeadIn
from leads.security import Caller
from leads.tables import Lead


class LeadStore:
    """Every statement carries the tenant, so that no route can forget it."""

    def __init__(self, session: AsyncSession, tenant_id: int) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def page(self, after: int, limit: int) -> Sequence[Lead]:
        leads = select(Lead).where(Lead.tenant_id == self.tenant_id, Lead.id > after)
        return (await self.session.scalars(leads.order_by(Lead.id).limit(limit))).all()

    async def get(self, lead_id: int) -> Lead:
        lead = await self.session.scalar(select(Lead).where(Lead.tenant_id == self.tenant_id, Lead.id == lead_id))
        if lead is None:
            raise LeadNotFound
        return lead

    async def add(self, wanted: LeadIn) -> Lead:
        lead = Lead(tenant_id=self.tenant_id, stage="new", **wanted.model_dump())
        self.session.add_all([lead, announcement(lead)])
        try:
            await self.session.commit()
        except IntegrityError as error:
            raise DuplicateLead from error
        return lead

    async def add_many(self, wanted: Sequence[LeadIn]) -> set[str]:
        """The emails that were new; one question and one transaction for all of them."""
        by_email = {lead.email: lead for lead in wanted}
        known = await self.session.scalars(
            select(Lead.email).where(Lead.tenant_id == self.tenant_id, Lead.email.in_(by_email)).limit(len(by_email))
        )
        new = by_email.keys() - set(known)
        leads = [Lead(tenant_id=self.tenant_id, stage="new", **by_email[email].model_dump()) for email in new]
        self.session.add_all([*leads, *map(announcement, leads)])
        try:
            await self.session.commit()
        except IntegrityError as error:
            raise DuplicateLead from error
        return new

    async def change(self, lead_id: int, change: LeadChange) -> Lead:
        lead = await self.get(lead_id)
        for field, value in change.model_dump(exclude_none=True).items():
            setattr(lead, field, value)
        await self.session.commit()
        return lead

    async def remove(self, lead_id: int) -> None:
        await self.session.delete(await self.get(lead_id))
        await self.session.commit()

    async def claim(self, lead_id: int, key_id: int) -> bool:
        """One statement decides, so that of two agents on two workers one wins."""
        claimed = await self.session.scalar(
            update(Lead)
            .where(Lead.tenant_id == self.tenant_id, Lead.id == lead_id, Lead.claimed_by.is_(None))
            .values(claimed_by=key_id)
            .returning(Lead.id)
        )
        await self.session.commit()
        return claimed is not None

    async def summarise(self, lead_id: int, summary: str) -> None:
        lead = await self.get(lead_id)
        lead.summary = summary
        await self.session.commit()

    async def count_by_stage(self) -> dict[str, int]:
        counts = select(Lead.stage, func.count()).where(Lead.tenant_id == self.tenant_id).group_by(Lead.stage)
        return {stage: count for stage, count in await self.session.execute(counts)}


async def get_store(session: Session, caller: Caller) -> LeadStore:
    return LeadStore(session, caller.tenant_id)


Leads = Annotated[LeadStore, Depends(get_store)]
