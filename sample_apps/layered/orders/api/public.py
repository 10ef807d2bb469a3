"""What anyone may ask."""

from fastapi import APIRouter
from pydantic import BaseModel

public_router = APIRouter()


class Health(BaseModel):
    status: str


@public_router.get("/health")
@public_router.get("/health/", include_in_schema=False)
async def health() -> Health:
    return Health(status="ok")
