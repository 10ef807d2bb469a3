"""What clients are told when something goes wrong: enough to act on, nothing about the inside."""

from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request, status
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from slowapi.errors import RateLimitExceeded
from starlette.exceptions import HTTPException

logger = structlog.stdlib.get_logger(__name__)


class LeadNotFound(Exception):
    pass


class DuplicateLead(Exception):
    pass


class ModelUnavailable(Exception):
    pass


def problem(code: int, detail: object, headers: Mapping[str, str] | None = None) -> JSONResponse:
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return JSONResponse({"detail": detail, "request_id": request_id}, code, headers)


async def on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, error.headers)


async def on_invalid_request(_request: Request, error: Exception) -> JSONResponse:
    """Without the rejected input, which may be a password, and which may be a megabyte."""
    assert isinstance(error, RequestValidationError)
    reasons = [{key: reason[key] for key in ("type", "loc", "msg")} for reason in error.errors()[:20]]
    return problem(status.HTTP_422_UNPROCESSABLE_CONTENT, jsonable_encoder(reasons))


async def on_rate_limit(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RateLimitExceeded)
    wait = error.limit.limit.get_expiry() if error.limit else 60
    return problem(status.HTTP_429_TOO_MANY_REQUESTS, "too many requests", {"Retry-After": str(wait)})


async def on_lead_not_found(_request: Request, _error: Exception) -> JSONResponse:
    return problem(status.HTTP_404_NOT_FOUND, "no such lead")


async def on_duplicate_lead(_request: Request, _error: Exception) -> JSONResponse:
    return problem(status.HTTP_409_CONFLICT, "a lead with this email exists")


async def on_model_unavailable(_request: Request, error: Exception) -> JSONResponse:
    logger.warning("language_model_unavailable", exc_info=error)
    return problem(status.HTTP_503_SERVICE_UNAVAILABLE, "the language model is unavailable", {"Retry-After": "30"})


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(RateLimitExceeded, on_rate_limit)
    app.add_exception_handler(LeadNotFound, on_lead_not_found)
    app.add_exception_handler(DuplicateLead, on_duplicate_lead)
    app.add_exception_handler(ModelUnavailable, on_model_unavailable)
