"""The pages of the staff."""

from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter()


class Page(BaseModel):
    name: str


@router.api_route("/{name}", methods=["GET", "PUT"], include_in_schema=False)
async def page(name: str) -> Page:
    return Page(name=name)
