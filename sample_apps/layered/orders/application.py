"""The factory: everything is put together here and nowhere else."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict

import httpx
from fastapi import FastAPI

from orders.admin import create_admin
from orders.api import API_ROUTERS, install_legacy, public_router
from orders.clients.prices import PriceClient
from orders.diagnostics import diagnostics
from orders.middleware import install_middleware
from orders.repositories import OrderRepository
from orders.services import OrderService
from orders.settings import Settings


class State(TypedDict):
    orders: OrderService


def create_app(settings: Settings) -> FastAPI:
    admin = create_admin(title="Admin")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with AsyncExitStack() as resources:
            # Nobody else runs the lifespan of a mounted application.
            await resources.enter_async_context(admin.router.lifespan_context(admin))
            client = await resources.enter_async_context(httpx.AsyncClient(base_url=settings.prices_url, timeout=2))
            yield State(orders=OrderService(OrderRepository(), PriceClient(client)))

    # What runs beside the routes is left out, so that the layers stay in sight.
    app = FastAPI(title="Orders", lifespan=lifespan)  # finding: no-metrics
    install_middleware(app)
    for name, router in API_ROUTERS.items():
        app.include_router(router, prefix=settings.api_prefix, tags=[name])
    app.include_router(public_router)
    install_legacy(app, settings.api_prefix + "/legacy")
    app.mount(settings.admin_path, admin)
    if settings.debug:
        app.mount("/diagnostics", diagnostics)
    return app
