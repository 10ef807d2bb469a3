"""Routes of the first version, registered without decorators."""

from fastapi import Depends, FastAPI

from orders.dependencies import Orders, require_key
from orders.schemas import Deleted, Order


async def list_orders(orders: Orders) -> list[Order]:
    return await orders.newest(20)


async def cancel_order(order_id: int, orders: Orders) -> Deleted:
    await orders.cancel(order_id)
    return Deleted(id=order_id)


def install_legacy(app: FastAPI, prefix: str) -> None:
    app.add_api_route(f"{prefix}/orders", list_orders, methods=["GET"])
    app.add_api_route(
        prefix + "/orders/{order_id}/cancel", cancel_order, methods=["POST"], dependencies=[Depends(require_key)]
    )
