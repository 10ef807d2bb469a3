"""What the service does, without knowing of HTTP."""

from .orders import OrderService as OrderService

__all__ = ["OrderService"]
