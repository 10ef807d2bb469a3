"""What Prometheus scrapes, shaped by the objectives: P95 below 200 ms, errors below 0.1 %, pool below 80 %."""

import hmac
import os
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Response, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from leads.settings import CurrentSettings

REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time until the last byte was handed to the server.",
    ["method", "route", "status"],
    # An edge at the objective: without one at 0.2 nobody can tell whether it is met.
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5, 10),
)
TENANT_REQUESTS = Counter("tenant_requests_total", "Authenticated requests.", ["tenant"])
MODEL_TOKENS = Counter("language_model_tokens_total", "Tokens spent.", ["tenant", "kind"])
POOL_IN_USE = Gauge("database_pool_in_use", "Connections checked out.", ["pool"], multiprocess_mode="livesum")
POOL_CAPACITY = Gauge("database_pool_capacity", "Connections that may be open.", ["pool"], multiprocess_mode="livesum")

router = APIRouter(include_in_schema=False)
bearer = HTTPBearer()


async def require_scraper(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    settings: CurrentSettings,
) -> None:
    expected = settings.metrics_token.get_secret_value()
    if not hmac.compare_digest(credentials.credentials.encode(), expected.encode()):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "not the scraper's token")


# A plain function: with several workers the registry reads their files, which must not block the event loop.
@router.get("/metrics", dependencies=[Depends(require_scraper)])
def metrics() -> Response:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no annotations
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
