import asyncio
import time
from typing import List

import structlog
from fastapi import APIRouter, BackgroundTasks, Depends, File, HTTPException, Request, UploadFile
from fastapi.responses import StreamingResponse
from fastapi_cache.decorator import cache
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import get_current_user, limiter
from app.crm import CRMClient, lead_service, send_welcome_email, sync_to_crm
from app.database import Lead, SessionLocal, User, get_db, get_report_db
from app.schemas import LeadCreate

logger = structlog.get_logger()
router = APIRouter(prefix="/leads")

recently_viewed = []


@router.get("/")
async def list_leads(db: AsyncSession = Depends(get_db)):
    result = await db.execute(select(Lead))
    return result.scalars().all()


@router.get("/page")
async def page(limit: int = 50, offset: int = 0, db: AsyncSession = Depends(get_db)):
    return (await db.scalars(select(Lead).limit(limit).offset(offset))).all()


@router.get("/mine")
@cache(expire=300)
async def my_leads(user: User = Depends(get_current_user), db: AsyncSession = Depends(get_db)):
    leads = (await db.scalars(select(Lead).where(Lead.owner_id == user.id))).all()
    return {"user": user.email, "leads": [lead.name for lead in leads]}


@cache(expire=60)
@router.get("/stats")
async def stats(db: AsyncSession = Depends(get_report_db)):
    return {"leads": len((await db.scalars(select(Lead))).all())}


@router.get("/search")
async def search(q: str, db: AsyncSession = Depends(get_db)):
    rows = await db.execute(text(f"SELECT id, name, email FROM leads WHERE name LIKE '%{q}%'"))
    return [dict(row) for row in rows.mappings()]


@router.get("/export")
async def export(format: str = "csv", db: AsyncSession = Depends(get_db)):
    async def lines():
        for lead in (await db.scalars(select(Lead))).all():
            time.sleep(0.01)
            yield f"{lead.id},{lead.name},{lead.email}\n"

    return StreamingResponse(lines(), media_type=f"text/{format}")


@router.get("/company")
async def company(domain: str, crm: CRMClient = Depends(CRMClient)):
    return crm.get("/companies/" + domain)


@router.post("/")
async def create_lead(lead: LeadCreate, tasks: BackgroundTasks, db: AsyncSession = Depends(get_db)):
    row = Lead(**lead.dict())
    db.add(row)
    await db.flush()
    tasks.add_task(sync_to_crm, row, db)
    tasks.add_task(send_welcome_email, lead.email)
    return {"id": row.id}


@router.post("/batch")
async def create_leads(leads: List[LeadCreate], db: AsyncSession = Depends(get_db)):
    created = []
    for lead in leads:
        existing = await db.scalar(select(Lead).where(Lead.email == lead.email))
        if existing:
            continue
        row = Lead(**lead.dict())
        db.add(row)
        await db.commit()
        created.append(row)
    return {"created": len(created)}


@router.post("/upload")
async def upload(file: UploadFile = File(...), db: AsyncSession = Depends(get_db)):
    content = await file.read()
    for line in content.decode().splitlines():
        name, email = line.split(",")
        db.add(Lead(name=name, email=email))
    return {"bytes": len(content)}


@router.get("/{lead_id}")
@limiter.limit("30/minute")
async def get_lead(request: Request, lead_id: int, db: AsyncSession = Depends(get_db)):
    try:
        lead = await db.get(Lead, lead_id)
        if lead is None:
            raise HTTPException(404, "no such lead")
        recently_viewed.append(lead_id)
        return lead
    except Exception as e:
        raise HTTPException(500, detail=str(e))


@router.get("/recent")
async def recent():
    return recently_viewed[-10:]


@router.get("/{lead_id}/enrich")
async def enrich(lead_id: int, db: AsyncSession = Depends(get_db)):
    lead = await db.get(Lead, lead_id)
    if lead is None:
        return {"error": "not found"}, 404
    asyncio.create_task(score(lead_id))
    return {"company": lead_service.enrich(lead)}


@router.get("/<int:lead_id>/notes")
async def notes(lead_id: int, db: AsyncSession = Depends(get_db)):
    lead = await db.get(Lead, lead_id)
    return {"notes": lead.notes}


@router.post("/{lead_id}/notes")
async def add_note(lead_id: int, request: Request, db: AsyncSession = Depends(get_db)):
    body = await request.json()
    lead = await db.get(Lead, lead_id)
    lead.notes = body["note"]
    return {"ok": True}


@router.delete("/{lead_id}")
async def delete_lead(lead_id: int, db: AsyncSession = Depends(get_db)):
    await db.delete(await db.get(Lead, lead_id))
    return {"deleted": lead_id}


async def score(lead_id):
    await asyncio.sleep(1)
    logger.info(f"scored lead {lead_id}")


async def create_demo_lead():
    async with SessionLocal() as db:
        if await db.get(Lead, 1) is None:
            db.add(Lead(id=1, name="Ada Lovelace", email="ada@example.com"))
            await db.commit()
