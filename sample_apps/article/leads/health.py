"""Item 8: "tell the orchestrator whether the database is there"."""

from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy import text

from leads.database import get_db

router = APIRouter()


@router.get("/health")  # wrong: health-without-timeout
async def health(db=Depends(get_db)) -> dict[str, str]:  # wrong: health-dependency-outside-try
    try:
        await db.execute(text("SELECT 1"))
        return {"status": "healthy"}
    except:  # wrong: bare-except
        raise HTTPException(503, "database unavailable")
