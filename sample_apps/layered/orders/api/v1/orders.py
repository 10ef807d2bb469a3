"""Orders."""

from fastapi import Depends, HTTPException, status

from orders.api.versioning import VersionedRouter
from orders.dependencies import Limit, Orders, require_key
from orders.schemas import Order, OrderIn

router = VersionedRouter("/orders", dependencies=[Depends(require_key)])


@router.get("")
@router.get("/", include_in_schema=False)
async def list_orders(orders: Orders, limit: Limit = 20) -> list[Order]:
    return await orders.newest(limit)


@router.post("", status_code=status.HTTP_201_CREATED)
async def place_order(wanted: OrderIn, orders: Orders) -> Order:
    return await orders.place(wanted)


@router.get("/{order_id}")
async def read_order(order_id: int, orders: Orders) -> Order:
    order = await orders.find(order_id)
    if order is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such order")
    return order
