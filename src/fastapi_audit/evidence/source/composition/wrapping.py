"""What is put around the routes of an application: middleware, exception handlers, foreign code."""

from fastapi_audit.evidence.source.code import Program
from fastapi_audit.evidence.source.composition.applications import App
from fastapi_audit.evidence.source.composition.middleware import Middleware
from fastapi_audit.evidence.source.composition.registered import ExceptionHandler, Registered
from fastapi_audit.evidence.source.composition.routes import Route
from fastapi_audit.evidence.source.values import (
    ClassValue,
    Constant,
    External,
    Instance,
    Listing,
    Registration,
    Table,
    Unknown,
    literal,
)
from fastapi_audit.model import Unresolved

MOST_MIDDLEWARE = 1000
"""Each is a call within the one before: with more, Python's own limit ends every request."""
MOST_HANDLERS = 1000
_UNKNOWN = Instance(External("starlette.middleware.Middleware"))
"""What stands in a list of middleware and only running would tell."""


class Wrapping:
    """Fills an `App` with everything but routes, in the order in which it is registered."""

    def __init__(self, app: App, source: Program) -> None:
        self.app = app
        self.source = source
        self.added: list[Middleware] = []
        self.listed: list[Middleware] = []
        self.is_full = False

    def constructor(self) -> None:
        """`FastAPI(middleware=[…], routes=[…], exception_handlers={…})`."""
        instance = self.app.instance
        if instance.site is None:
            return
        listed = instance.keywords.get("middleware")
        for item in listed.items if isinstance(listed, Listing) else ():
            made = item if isinstance(item, Instance) and item.is_a("starlette.middleware.Middleware") else _UNKNOWN
            maybe = ("`middleware` holds it",) if isinstance(listed, Listing) and id(item) in listed.uncertain else ()
            site = made.site or instance.site
            entry = Registration("middleware", made.args, made.keywords, site, conditions=maybe)
            options = {k: v for k, v in made.keywords.items() if k != "cls"}
            cls = made.argument("cls", 0) or Unknown()
            self.listed.append(Middleware(entry, self.app, self.source, cls, options))
        handlers = instance.keywords.get("exception_handlers")
        for key, handler in handlers.items.items() if isinstance(handlers, Table) else ():
            exception = key if isinstance(key, ClassValue | External) else Constant(key)
            entry = Registration("exception_handlers", (exception, handler), {}, instance.site)
            self.app.exception_handlers.append(ExceptionHandler(entry, self.app, self.source, exception, handler))

    def order_middleware(self) -> None:
        """The last added is the outermost; a list given to the constructor runs in its own order, inside."""
        self.app.middleware = [*reversed(self.added), *self.listed]
        for position, middleware in enumerate(self.app.middleware):
            middleware.position = position

    def registration(self, entry: Registration) -> None:
        match entry.method:
            case "add_middleware":
                cls = entry.argument("middleware_class", 0) or Unknown()
                options = {k: v for k, v in entry.keywords.items() if k != "middleware_class"}
                self._add(Middleware(entry, self.app, self.source, cls, options))
            case "middleware":
                self._add(Middleware(entry, self.app, self.source, entry.handler or Unknown()))
            case "exception_handler" | "add_exception_handler":
                exception = entry.argument("exc_class_or_status_code", 0) or Unknown()
                handler = entry.handler if entry.method == "exception_handler" else entry.argument("handler", 1)
                self._answer(ExceptionHandler(entry, self.app, self.source, exception, handler or Unknown()))
            case _:
                self._foreign(entry)

    def _add(self, middleware: Middleware) -> None:
        if len(self.added) < MOST_MIDDLEWARE:
            self.added.append(middleware)
        else:
            self._full(middleware, f"an application has more than {MOST_MIDDLEWARE} middlewares")

    def _answer(self, handler: ExceptionHandler) -> None:
        if len(self.app.exception_handlers) < MOST_HANDLERS:
            self.app.exception_handlers.append(handler)
        else:
            self._full(handler, f"an application has more than {MOST_HANDLERS} exception handlers")

    def _full(self, registered: Registered, why: str) -> None:
        if not self.is_full:
            self.is_full = True
            said = f"{why}: the rest was not looked at"
            self.app.unresolved.append(Unresolved("middleware", said, registered.location))

    def _foreign(self, entry: Registration) -> None:
        """What well-known libraries do to an application that they are given."""
        self.app.handed_to.append(entry)
        if entry.method == "prometheus_fastapi_instrumentator.Instrumentator.instrument":
            cls = External("prometheus_fastapi_instrumentator.middleware.PrometheusInstrumentatorMiddleware")
            self._add(Middleware(entry, self.app, self.source, cls))
        elif entry.method == "prometheus_fastapi_instrumentator.Instrumentator.expose":
            given = literal(entry.keywords.get("endpoint"))
            route = Route(
                entry,
                self.app,
                self.source,
                given if isinstance(given, str) else "/metrics",
                ("GET",),
                External("prometheus_fastapi_instrumentator.Instrumentator.metrics"),
            )
            route.conditions = entry.conditions
            self.app.routes.append(route)
