"""Item 13: "stream what is large"."""

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

router = APIRouter()


async def rows():
    yield "id,name\n"


@router.get("/leads/export")
async def export(format: str = "csv") -> StreamingResponse:
    return StreamingResponse(rows(), media_type=f"text/{format}")  # wrong: user-controlled-media-type
