"""Puts the article's snippets together into one application."""

from fastapi import Depends, FastAPI

from leads import agents, bulk, caching, database, errors, export, health, limits, logs, metrics, stack, tasks
from leads.services import lead_service, router as services_router

app = FastAPI(title="Leads", dependencies=[Depends(lead_service)])  # wrong: depends-on-instance-or-call
stack.install(app)
stack.install_one_by_one(app)
errors.install(app)
app.state.limiter = limits.limiter
for module in (agents, bulk, caching, database, export, health, limits, logs, metrics, tasks):
    app.include_router(module.router)
app.include_router(services_router)
