"""The application of the warehouse's staff."""

from .factory import create_admin

__all__ = ["create_admin"]
