"""Item 4: "limit what a client may ask of the model"."""

from fastapi import APIRouter, Request
from slowapi import Limiter
from slowapi.util import get_remote_address

router = APIRouter()
limiter = Limiter(key_func=get_remote_address)  # wrong: ratelimit-memory-storage


@router.post("/leads/{lead_id}/generate")
@limiter.limit("10/minute")  # wrong: ratelimit-per-url-bucket
async def generate(request: Request, lead_id: int) -> dict[str, str]:
    return {"text": "Dear lead"}
