"""Item 11: "cache what the model has answered"."""

from fastapi import APIRouter, Depends
from fastapi_cache.decorator import cache

router = APIRouter()


class User:
    def __init__(self, name: str):
        self.name = name


async def current_user() -> User:
    return User("ann")


@router.get("/insights")
@cache(ttl=300)  # wrong: fastapi-cache-ttl-kwarg
async def insights() -> dict[str, int]:
    return {"hot_leads": 17}


@router.get("/my-leads")
@cache(expire=300)
async def my_leads(user: User = Depends(current_user)) -> dict[str, str]:  # wrong: cache-key-object-identity
    return {"owner": user.name}
