"""Version 1: one router per noun."""

from fastapi import APIRouter

from ..versioning import V1
from .articles import router as articles_router
from .customers import build_customers
from .events import router as events_router
from .featured import router as featured_router
from .orders import router as orders_router
from .reports import ReportController

catalogue = APIRouter(prefix=V1)
for part in (articles_router, featured_router):
    catalogue.include_router(part)

ROUTERS = {
    "orders": orders_router,
    "catalogue": catalogue,
    "customers": build_customers(V1 + "/customers"),
    "reports": ReportController("/reports").router,
    "events": events_router,
}

__all__ = ["ROUTERS"]
