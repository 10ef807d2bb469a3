"""How often a tenant may call. nginx limits addresses before this, anonymous ones too."""

from typing import Any

from fastapi import Request
from slowapi import Limiter
from slowapi.util import get_remote_address

from leads.settings import get_settings


def tenant_or_address(request: Request) -> str:
    """The address is the client's own: the server trusts forwarded headers from nginx alone."""
    principal = getattr(request.state, "principal", None)
    if principal is None:
        return f"address:{get_remote_address(request)}"
    return f"tenant:{principal.tenant_id}"


SHARED = get_settings().redis
# slowapi asks Redis on the event loop, so a slow Redis must not be waited for.
PATIENCE: dict[str, Any] = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}

limiter = Limiter(
    key_func=tenant_or_address,
    # Per endpoint, not per URL: otherwise every lead id has a budget of its own.
    key_style="endpoint",
    # One count for all workers; the in-process store only where there is no Redis, on a developer's machine.
    storage_uri=SHARED or "memory://",
    storage_options=PATIENCE,
    # A lost Redis weakens the limit; it must not take the service down.
    in_memory_fallback_enabled=True,
)

READ = "120/minute"
WRITE = "60/minute"
HEAVY = "10/minute"
