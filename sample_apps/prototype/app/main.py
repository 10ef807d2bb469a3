import time
from contextlib import asynccontextmanager

import structlog
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi_cache import FastAPICache
from fastapi_cache.backends.inmemory import InMemoryBackend
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from pydantic import ValidationError
from slowapi import _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import agents, auth, leads
from app.config import DEBUG, SECRET_KEY
from app.database import Base, engine, get_db

structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()])
logger = structlog.get_logger()

REQUESTS = Counter("http_requests_total", "Requests", ["path", "client"])
LATENCY = Histogram("http_request_duration_seconds", "Latency", ["path"])


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await auth.create_admin()
    await leads.create_demo_lead()
    FastAPICache.init(InMemoryBackend())
    yield


app = FastAPI(title="Leads", debug=DEBUG, lifespan=lifespan)
app.state.limiter = auth.limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
app.add_middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)


@app.on_event("startup")
async def announce():
    print("Leads is up")


@app.middleware("http")
async def protect_admin(request: Request, call_next):
    if request.url.path.startswith("/admin") and request.headers.get("x-admin-key") != SECRET_KEY:
        raise HTTPException(403, "admins only")
    return await call_next(request)


@app.middleware("http")
async def measure(request: Request, call_next):
    start = time.time()
    response = await call_next(request)
    REQUESTS.labels(request.url.path, request.headers.get("authorization", "")).inc()
    LATENCY.labels(request.url.path).observe(time.time() - start)
    print(request.method, request.url, response.status_code)
    return response


@app.exception_handler(ValidationError)
async def validation_error(request: Request, exc: ValidationError):
    logger.error("invalid", errors=str(exc))
    raise HTTPException(422, detail=str(exc))


@app.get("/health")
async def health(db: AsyncSession = Depends(get_db)):
    try:
        await db.execute(text("SELECT 1"))
        return {"status": "healthy"}
    except:
        return {"status": "unhealthy"}, 503


@app.get("/metrics")
async def metrics():
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.get("/admin/stats")
async def admin_stats():
    return {"tokens": len(auth.TOKENS), "prompts": agents.usage["prompts"]}


app.include_router(auth.router)
app.include_router(leads.router)
app.include_router(agents.router)
