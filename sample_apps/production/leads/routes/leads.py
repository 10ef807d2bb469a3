"""One lead at a time, and pages of them."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path, Query, Request, status

from leads.limits import READ, WRITE, limiter
from leads.routes.statistics import forget_statistics
from leads.schemas import LARGEST_ID, LeadChange, LeadIn, LeadOut, LeadPage
from leads.security import Caller
from leads.store import Leads
from leads.tables import Lead

router = APIRouter(prefix="/v1/leads", tags=["leads"])
LeadId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@router.get("")
@limiter.limit(READ)
async def list_leads(
    request: Request,
    leads: Leads,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> LeadPage:
    page = await leads.page(after, limit)
    last = page[-1].id if len(page) == limit else None
    return LeadPage(leads=[LeadOut.model_validate(lead) for lead in page], after=last)


@router.post("", status_code=status.HTTP_201_CREATED, response_model=LeadOut)
@limiter.limit(WRITE)
async def create_lead(request: Request, wanted: LeadIn, leads: Leads, caller: Caller, tasks: BackgroundTasks) -> Lead:
    lead = await leads.add(wanted)
    # Best effort: lost with the process, and then only a minute of old numbers. The announcement is in the outbox.
    tasks.add_task(forget_statistics, caller.tenant_id)
    return lead


@router.get("/{lead_id}", response_model=LeadOut)
@limiter.limit(READ)
async def read_lead(request: Request, lead_id: LeadId, leads: Leads) -> Lead:
    return await leads.get(lead_id)


@router.patch("/{lead_id}", response_model=LeadOut)
@limiter.limit(WRITE)
async def change_lead(request: Request, lead_id: LeadId, change: LeadChange, leads: Leads) -> Lead:
    return await leads.change(lead_id, change)


@router.delete("/{lead_id}", status_code=status.HTTP_204_NO_CONTENT)
@limiter.limit(WRITE)
async def delete_lead(request: Request, lead_id: LeadId, leads: Leads) -> None:
    await leads.remove(lead_id)
