"""All leads of a tenant as a stream."""

import csv
from collections.abc import AsyncIterator, Sequence
from io import StringIO
from typing import Literal

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from leads.database import ReplicaSessions
from leads.limits import HEAVY, limiter
from leads.schemas import LeadOut
from leads.security import Caller
from leads.store import LeadStore
from leads.tables import Lead

logger = structlog.stdlib.get_logger(__name__)
router = APIRouter(prefix="/v1/leads", tags=["export"])

Format = Literal["csv", "jsonl"]
# A fixed choice: a media type built from the query would let a caller choose text/html.
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
COLUMNS = ("id", "name", "email", "company", "stage")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@router.get("/export", response_class=StreamingResponse)
@limiter.limit(HEAVY)
async def export_leads(
    request: Request, caller: Caller, sessions: ReplicaSessions, format: Format = "csv"
) -> StreamingResponse:
    return StreamingResponse(
        lines(sessions, caller.tenant_id, format),
        media_type=MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="leads.{format}"', "X-Accel-Buffering": "no"},
    )


async def lines(sessions: async_sessionmaker[AsyncSession], tenant_id: int, format: Format) -> AsyncIterator[str]:
    """Opens a session per chunk, so that a client that reads slowly holds no connection."""
    if format == "csv":
        yield ",".join(COLUMNS) + "\r\n"
    after = 0
    try:
        while True:
            async with sessions() as session:
                leads = await LeadStore(session, tenant_id).page(after, 500)
            if not leads:
                return
            yield as_csv(leads) if format == "csv" else as_jsonl(leads)
            after = leads[-1].id
    except SQLAlchemyError:
        # The status is sent already; a broken-off body is the only way left to say that it is not whole.
        logger.exception("export_broke_off")
        raise


def as_csv(leads: Sequence[Lead]) -> str:
    text = StringIO(newline="")
    csv.writer(text).writerows([inert(getattr(lead, column)) for column in COLUMNS] for lead in leads)
    return text.getvalue()


def inert(value: object) -> str:
    """A spreadsheet runs what starts like a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def as_jsonl(leads: Sequence[Lead]) -> str:
    return "".join(LeadOut.model_validate(lead).model_dump_json() + "\n" for lead in leads)
