"""What the orchestrator asks: is the process alive, and may it have traffic."""

import asyncio
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Response, status
from fastapi.requests import HTTPConnection
from pydantic import BaseModel
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from leads.database import Sessions

logger = structlog.stdlib.get_logger(__name__)
router = APIRouter(prefix="/health", include_in_schema=False)
PATIENCE_SECONDS = 1.0


class Health(BaseModel):
    status: Literal["ok", "unavailable"]


async def get_redis(connection: HTTPConnection) -> Redis | None:
    redis: Redis | None = connection.state.redis
    return redis


@router.api_route("/live", methods=["GET", "HEAD"])
async def live() -> Health:
    """Asks nobody else: a restart of this process would not repair the database."""
    return Health(status="ok")


@router.api_route("/ready", methods=["GET", "HEAD"])
async def ready(response: Response, sessions: Sessions, redis: Annotated[Redis | None, Depends(get_redis)]) -> Health:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async with sessions() as session:
                await session.execute(text("SELECT 1"))
            if redis is not None:
                await redis.ping()
    except (SQLAlchemyError, RedisError, OSError, TimeoutError):
        logger.warning("not_ready", exc_info=True)
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return Health(status="unavailable")
    return Health(status="ok")
