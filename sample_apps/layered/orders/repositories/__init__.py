"""Where things are kept."""

from .orders import OrderRepository as OrderRepository

__all__ = ["OrderRepository"]
