"""What a worker opens when it starts and closes when it stops."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict

import httpx
from fastapi import FastAPI
from fastapi_cache import FastAPICache
from fastapi_cache.backends.inmemory import InMemoryBackend
from fastapi_cache.backends.redis import RedisBackend
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from leads.database import create_engine, create_sessions
from leads.language_model import LIMITS, TIMEOUT, LanguageModel
from leads.settings import Settings, get_settings


class State(TypedDict):
    sessions: async_sessionmaker[AsyncSession]
    replica_sessions: async_sessionmaker[AsyncSession]
    redis: Redis | None
    language_model: LanguageModel


async def open_sessions(
    resources: AsyncExitStack, settings: Settings, database: str, pool: str
) -> async_sessionmaker[AsyncSession]:
    engine = create_engine(settings, database, pool)
    resources.push_async_callback(engine.dispose)
    return create_sessions(engine)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
    settings = get_settings()
    async with AsyncExitStack() as resources:
        client = await resources.enter_async_context(httpx.AsyncClient(timeout=TIMEOUT, limits=LIMITS))
        sessions = await open_sessions(resources, settings, settings.database, "primary")
        replica = sessions
        if settings.replica is not None:
            replica = await open_sessions(resources, settings, settings.replica, "replica")
        redis = None
        if settings.redis is not None:
            redis = Redis.from_url(settings.redis, socket_timeout=1, socket_connect_timeout=1)
            resources.push_async_callback(redis.aclose)
        # In process only without Redis, on a developer's machine with one worker.
        FastAPICache.init(RedisBackend(redis) if redis is not None else InMemoryBackend(), prefix="leads")
        yield State(
            sessions=sessions,
            replica_sessions=replica,
            redis=redis,
            language_model=LanguageModel(client, settings),
        )
