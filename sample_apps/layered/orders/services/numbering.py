"""Order numbers without gaps."""

from orders.clients.counter import reserve


def next_number() -> int:
    return reserve("orders")
