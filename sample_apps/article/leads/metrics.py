"""Item 15: "P95 below 200 ms"."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest

router = APIRouter()
LATENCY = Histogram("request_seconds", "Latency", ["route"], buckets=(0.05, 0.1, 0.25, 0.5, 1.0))  # wrong: latency-target-not-measurable


@router.get("/metrics")  # wrong: metrics-publicly-exposed
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
