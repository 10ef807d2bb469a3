"""Engines and sessions."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from leads.metrics import POOL_CAPACITY, POOL_IN_USE
from leads.settings import Settings


def connect_arguments(url: URL) -> dict[str, Any]:
    """A database that accepts connections and then stays silent must not hold a request for a minute."""
    if url.get_backend_name() == "sqlite":
        return {"timeout": 5}
    return {"timeout": 5, "command_timeout": 15}


def create_engine(settings: Settings, database: str, pool: str) -> AsyncEngine:
    url = make_url(database)
    engine = create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=settings.pool_overflow,
        pool_timeout=3,  # a request that waits longer is better answered with an error
        pool_recycle=1800,
        pool_pre_ping=True,
        hide_parameters=True,  # values of a failed statement stay out of logs
        connect_args=connect_arguments(url),
    )
    measure_pool(engine, pool, settings.pool_size + settings.pool_overflow)
    return engine


def measure_pool(engine: AsyncEngine, pool: str, capacity: int) -> None:
    """SQLAlchemy exports no metrics of its pool."""
    POOL_CAPACITY.labels(pool).set(capacity)
    in_use = POOL_IN_USE.labels(pool)
    event.listen(engine.sync_engine, "checkout", lambda *_: in_use.inc())
    event.listen(engine.sync_engine, "checkin", lambda *_: in_use.dec())


def create_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine, expire_on_commit=False)


async def get_sessions(connection: HTTPConnection) -> async_sessionmaker[AsyncSession]:
    sessions: async_sessionmaker[AsyncSession] = connection.state.sessions
    return sessions


async def get_replica_sessions(connection: HTTPConnection) -> async_sessionmaker[AsyncSession]:
    sessions: async_sessionmaker[AsyncSession] = connection.state.replica_sessions
    return sessions


Sessions = Annotated[async_sessionmaker[AsyncSession], Depends(get_sessions)]
ReplicaSessions = Annotated[async_sessionmaker[AsyncSession], Depends(get_replica_sessions)]


async def get_session(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


# Function scope gives the connection back before the answer is sent, not after the slowest client has read it.
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
