"""Who is calling: one API key per client, stored as a keyed digest."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, WebSocket, WebSocketException, status
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from leads.database import Sessions
from leads.metrics import TENANT_REQUESTS
from leads.settings import CurrentSettings, Settings
from leads.tables import ApiKey

bearer = HTTPBearer()


@dataclass(frozen=True, slots=True)
class Principal:
    tenant_id: int
    key_id: int
    tenant_label: str
    """Names the tenant in metrics without telling who it is."""


def keyed_digest(settings: Settings, text: str) -> str:
    return hmac.digest(settings.secret_key.get_secret_value().encode(), text.encode(), hashlib.sha256).hex()


async def find_principal(key: str, settings: Settings, sessions: async_sessionmaker[AsyncSession]) -> Principal | None:
    async with sessions() as session:
        found = await session.scalar(select(ApiKey).where(ApiKey.digest == keyed_digest(settings, key)))
    if found is None:
        return None
    label = keyed_digest(settings, f"tenant:{found.tenant_id}")[:12]
    TENANT_REQUESTS.labels(label).inc()
    return Principal(found.tenant_id, found.id, label)


async def authenticate(
    connection: HTTPConnection,
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    settings: CurrentSettings,
    sessions: Sessions,
) -> Principal:
    principal = await find_principal(credentials.credentials, settings, sessions)
    if principal is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "unknown API key", {"WWW-Authenticate": "Bearer"})
    connection.state.principal = principal  # the rate limiter counts per tenant
    return principal


async def verify_origin(websocket: WebSocket, settings: CurrentSettings) -> None:
    """CORS does not cover WebSockets; programs send no Origin, browsers always do."""
    origin = websocket.headers.get("origin")
    if origin is not None and origin not in settings.allowed_origins:
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION, "origin not allowed")


async def authenticate_websocket(websocket: WebSocket, settings: CurrentSettings, sessions: Sessions) -> Principal:
    """Refuses before the handshake is accepted."""
    scheme, _, key = websocket.headers.get("authorization", "").partition(" ")
    principal = await find_principal(key, settings, sessions) if scheme.lower() == "bearer" else None
    if principal is None:
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION, "unknown API key")
    return principal


Caller = Annotated[Principal, Depends(authenticate)]
Agent = Annotated[Principal, Depends(authenticate_websocket)]
