"""The dependencies that routes share, as aliases."""

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException, Query, status
from fastapi.requests import HTTPConnection
from fastapi.security import APIKeyHeader

from orders.services import OrderService

api_key = APIKeyHeader(name="X-API-Key")


async def get_orders(connection: HTTPConnection) -> OrderService:
    orders: OrderService = connection.state.orders
    return orders


async def require_key(key: Annotated[str, Depends(api_key)]) -> str:
    if not hmac.compare_digest(key.encode(), b"demo"):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "unknown key")
    return key


async def require_staff(key: Annotated[str, Depends(require_key)]) -> None:
    if not key:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "staff only")


Orders = Annotated[OrderService, Depends(get_orders)]
Limit = Annotated[int, Query(ge=1, le=100)]
