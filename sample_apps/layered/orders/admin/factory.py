"""An application of its own, with middleware and a lifespan of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.middleware import Middleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from pydantic import BaseModel

from orders.admin.pages import router
from orders.dependencies import require_key


class Status(BaseModel):
    open: bool


@asynccontextmanager
async def lifespan(admin: FastAPI) -> AsyncIterator[None]:
    admin.state.open = True
    yield
    admin.state.open = False


def create_admin(title: str) -> FastAPI:
    admin = FastAPI(
        title=title,
        lifespan=lifespan,
        openapi_url=None,
        dependencies=[Depends(require_key)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "warehouse.example.com"])],
    )

    @admin.get("/status")
    async def status() -> Status:
        return Status(open=admin.state.open)

    admin.include_router(router, prefix="/pages")
    return admin
