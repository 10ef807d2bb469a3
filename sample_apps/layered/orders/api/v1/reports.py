"""Reports, as a class whose methods are the routes."""

from fastapi import APIRouter

from orders.api.versioning import V1
from orders.dependencies import Orders
from orders.schemas import Report


class ReportController:
    def __init__(self, path: str) -> None:
        self.router = APIRouter(prefix=V1 + path)
        self.router.add_api_route("/daily", self.daily, methods=["GET"])
        self.router.add_api_route("/{name}", self.by_name, methods=["GET", "HEAD"], include_in_schema=False)

    async def daily(self, orders: Orders) -> Report:
        return await self.by_name("daily", orders)

    async def by_name(self, name: str, orders: Orders) -> Report:
        return Report(name=name, orders=len(await orders.newest(100)))
