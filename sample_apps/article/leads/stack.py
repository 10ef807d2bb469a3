"""Item 5: "order matters: CORS first, logging last"."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from slowapi.middleware import LoggingMiddleware, RateLimiterMiddleware


def install(app: FastAPI) -> None:
    app.add_middleware(CORSMiddleware, TrustedHostMiddleware, RateLimiterMiddleware, GZipMiddleware, LoggingMiddleware)  # wrong: add-middleware-multiple-classes


def install_one_by_one(app: FastAPI) -> None:
    """The same order in calls of their own: the last one added is the outermost, so that CORS ends up inside."""
    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])  # wrong: middleware-order, cors-default-methods
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["api.example.com"])
    app.add_middleware(GZipMiddleware)  # wrong: gzip-at-highest-level
