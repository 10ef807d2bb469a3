"""Many leads at once: bounded in number and in bytes, each with its own result."""

import csv
from io import StringIO
from typing import Annotated

from fastapi import APIRouter, Body, HTTPException, Request, UploadFile, status
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from leads.limits import HEAVY, limiter
from leads.schemas import BATCH, BatchItem, BatchOut, LeadIn
from leads.store import Leads

router = APIRouter(prefix="/v1/leads", tags=["bulk"])
Batch = Annotated[list[LeadIn], Body(min_length=1, max_length=BATCH)]
batch = TypeAdapter(Batch)

UPLOAD = 128 * 1024
CHUNK = 16 * 1024


def results(wanted: list[LeadIn], created: set[str]) -> BatchOut:
    return BatchOut(
        items=[
            BatchItem(email=lead.email, result="created" if lead.email in created else "duplicate") for lead in wanted
        ]
    )


@router.post("/bulk", status_code=status.HTTP_201_CREATED)
@limiter.limit(HEAVY)
async def create_leads(request: Request, wanted: Batch, leads: Leads) -> BatchOut:
    return results(wanted, await leads.add_many(wanted))


@router.post("/import", status_code=status.HTTP_201_CREATED)
@limiter.limit(HEAVY)
async def import_leads(request: Request, file: UploadFile, leads: Leads) -> BatchOut:
    """A CSV file with the columns `name`, `email` and `company`."""
    wanted = parse(await read_bounded(file))
    return results(wanted, await leads.add_many(wanted))


async def read_bounded(file: UploadFile) -> bytes:
    content = bytearray()
    while chunk := await file.read(CHUNK):
        content += chunk
        if len(content) > UPLOAD:
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "the file is too large")
    return bytes(content)


def parse(content: bytes) -> list[LeadIn]:
    try:
        rows = csv.DictReader(StringIO(content.decode(), newline=""))
        return batch.validate_python([{column: cell or None for column, cell in row.items()} for row in rows])
    except (UnicodeDecodeError, csv.Error, ValidationError) as error:
        expected = f"expected a CSV file with name, email and company and at most {BATCH} rows"
        raise RequestValidationError([{"type": "csv", "loc": ("body", "file"), "msg": expected}]) from error
