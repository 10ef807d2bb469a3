"""What goes over the wire."""

from typing import Annotated

from pydantic import BaseModel, Field


class OrderIn(BaseModel):
    article: Annotated[str, Field(min_length=1, max_length=40)]
    quantity: Annotated[int, Field(ge=1, le=1000)]


class Order(OrderIn):
    id: int
    price: float


class Article(BaseModel):
    slug: str
    title: str


class Customer(BaseModel):
    id: int
    name: str


class Report(BaseModel):
    name: str
    orders: int


class Deleted(BaseModel):
    id: int
