"""The routes, as the factory wants them."""

from .legacy import install_legacy
from .public import public_router
from .v1 import ROUTERS as API_ROUTERS

__all__ = ["API_ROUTERS", "install_legacy", "public_router"]
