"""Tells a team what will break in their FastAPI service in production, and proves it."""

__version__ = "0.1.0"
