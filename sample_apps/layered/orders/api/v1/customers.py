"""Customers, on a router that is built when it is asked for."""

from fastapi import APIRouter, Depends

from orders.dependencies import require_key, require_staff
from orders.schemas import Customer


def build_customers(prefix: str) -> APIRouter:
    router = APIRouter(prefix=prefix, dependencies=[Depends(require_key)])
    staff = APIRouter(prefix="/staff", dependencies=[Depends(require_staff)])

    @router.get("/{customer_id}")
    async def read_customer(customer_id: int) -> Customer:
        return Customer(id=customer_id, name="Ann")

    @staff.delete("/{customer_id}")
    async def forget_customer(customer_id: int) -> Customer:
        return Customer(id=customer_id, name="")

    router.include_router(staff)
    return router
