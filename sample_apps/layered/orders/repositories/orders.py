"""Orders, kept in memory."""

from itertools import islice

from orders.schemas import Order


class OrderRepository:
    def __init__(self) -> None:
        self.by_id: dict[int, Order] = {}

    async def add(self, order: Order) -> Order:
        self.by_id[order.id] = order
        return order

    async def get(self, order_id: int) -> Order | None:
        return self.by_id.get(order_id)

    async def first(self, limit: int) -> list[Order]:
        return list(islice(self.by_id.values(), limit))

    async def remove(self, order_id: int) -> None:
        self.by_id.pop(order_id, None)
