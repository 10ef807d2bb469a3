"""The application, put together."""

from fastapi import FastAPI
from fastapi.middleware import Middleware
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from leads import health, metrics
from leads.errors import install_error_handlers
from leads.lifespan import lifespan
from leads.limits import limiter
from leads.logs import configure_logging
from leads.middleware import RequestContext, UnhandledErrors
from leads.routes import agents, bulk, export, leads, statistics, summaries
from leads.settings import get_settings

MAX_BODY = 256 * 1024


def create_app() -> FastAPI:
    settings = get_settings()
    configure_logging(settings.log_level)
    app = FastAPI(
        title="Leads",
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.expose_docs else None,
        max_body_size=MAX_BODY,
        # Outermost first: a refusal by an inner one still gets its log line, its request id and its CORS headers.
        middleware=[
            Middleware(RequestContext),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.allowed_origins,
                allow_methods=["GET", "POST", "PATCH", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
                expose_headers=["X-Request-ID", "Retry-After"],
            ),
            Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts),
            # Level 9, the default, costs six times the processor time of 5, on the event loop.
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
            Middleware(UnhandledErrors),
        ],
    )
    app.state.limiter = limiter
    install_error_handlers(app)
    # Whole paths stand in the routers: the template that metrics see leaves out a prefix given here.
    # `leads` comes last: its `/v1/leads/{lead_id}` would take `/v1/leads/export` for an id.
    for module in (health, metrics, bulk, export, statistics, summaries, agents, leads):
        app.include_router(module.router)
    return app


app = create_app()
