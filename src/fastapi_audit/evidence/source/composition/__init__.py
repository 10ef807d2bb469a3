"""Applications, routes, middleware, handlers, dependencies: what was registered, flattened over the program."""

from fastapi_audit.evidence.source.composition.applications import App
from fastapi_audit.evidence.source.composition.composing import compose, mount_applications
from fastapi_audit.evidence.source.composition.dependencies import (
    Dependency,
    listed_dependencies,
    parameter_dependencies,
)
from fastapi_audit.evidence.source.composition.middleware import Middleware
from fastapi_audit.evidence.source.composition.registered import ExceptionHandler, Registered
from fastapi_audit.evidence.source.composition.routes import Route
from fastapi_audit.evidence.source.composition.sites import call_of, location_of

__all__ = [
    "App",
    "Dependency",
    "ExceptionHandler",
    "Middleware",
    "Registered",
    "Route",
    "call_of",
    "compose",
    "listed_dependencies",
    "location_of",
    "mount_applications",
    "parameter_dependencies",
]
