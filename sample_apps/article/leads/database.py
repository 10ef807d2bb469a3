"""Item 3: "a connection per request is slow, a pool is fast"."""

import asyncpg
from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import create_async_engine

router = APIRouter()
DATABASE_URL = "postgresql+asyncpg://db/leads"

engine = create_async_engine(DATABASE_URL, pool_size=20, max_overflow=10)  # wrong: pool-oversubscribes-database


async def get_db():
    async with asyncpg.connect(DATABASE_URL) as connection:  # wrong: asyncpg-connect-as-context-manager
        yield connection


@router.get("/leads/count")
async def count_leads(db=Depends(get_db)) -> int:
    return await db.fetchval("SELECT count(*) FROM leads")
