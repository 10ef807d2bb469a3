"""Numbers that may be a minute old."""

from collections.abc import Callable
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi_cache import FastAPICache
from fastapi_cache.decorator import cache
from redis.exceptions import RedisError

from leads.database import ReplicaSessions
from leads.limits import READ, limiter
from leads.schemas import Statistics
from leads.security import Caller, Principal
from leads.store import LeadStore

logger = structlog.stdlib.get_logger(__name__)
router = APIRouter(prefix="/v1/statistics", tags=["statistics"])


def statistics_key(tenant_id: int) -> str:
    return f"{FastAPICache.get_prefix()}:statistics:{tenant_id}"


def key_of_caller(
    _function: Callable[..., Any],
    _namespace: str = "",
    *,
    request: Request | None = None,
    response: Response | None = None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> str:
    """The tenant is the key. The default key holds the addresses of injected objects, which get used again."""
    caller: Principal = kwargs["caller"]
    return statistics_key(caller.tenant_id)


@router.get("")
@limiter.limit(READ)
@cache(expire=60, key_builder=key_of_caller)
async def read_statistics(request: Request, caller: Caller, sessions: ReplicaSessions) -> Statistics:
    async with sessions() as session:
        counts = await LeadStore(session, caller.tenant_id).count_by_stage()
    return Statistics.model_validate({"leads_by_stage": counts})


async def forget_statistics(tenant_id: int) -> None:
    try:
        await FastAPICache.clear(key=statistics_key(tenant_id))
    except RedisError:
        logger.warning("statistics_not_forgotten", exc_info=True)
