"""Taking orders."""

from orders.clients.prices import PriceClient
from orders.repositories import OrderRepository
from orders.schemas import Order, OrderIn
from orders.services.numbering import next_number


class OrderService:
    def __init__(self, repository: OrderRepository, prices: PriceClient) -> None:
        self.repository = repository
        self.prices = prices

    async def place(self, wanted: OrderIn) -> Order:
        price = await self.prices.price_of(wanted.article)
        return await self.repository.add(Order(id=next_number(), price=price, **wanted.model_dump()))

    async def find(self, order_id: int) -> Order | None:
        return await self.repository.get(order_id)

    async def newest(self, limit: int) -> list[Order]:
        return await self.repository.first(limit)

    async def cancel(self, order_id: int) -> None:
        await self.repository.remove(order_id)
