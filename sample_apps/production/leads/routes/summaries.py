"""Summaries written by the language model."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from leads.database import Sessions
from leads.language_model import Model
from leads.limits import HEAVY, limiter
from leads.schemas import LARGEST_ID, Summary
from leads.security import Caller
from leads.store import LeadStore

router = APIRouter(prefix="/v1/leads", tags=["summaries"])


@router.post("/{lead_id}/summary")
@limiter.limit(HEAVY)
async def summarise_lead(
    request: Request,
    lead_id: Annotated[int, Path(ge=1, le=LARGEST_ID)],
    caller: Caller,
    sessions: Sessions,
    model: Model,
) -> Summary:
    # Two short sessions: one that stayed open would keep a connection and a transaction while the model thinks.
    async with sessions() as session:
        lead = await LeadStore(session, caller.tenant_id).get(lead_id)
    summary = await model.summarise(lead, caller.tenant_label)
    async with sessions() as session:
        await LeadStore(session, caller.tenant_id).summarise(lead_id, summary)
    return Summary(summary=summary)
