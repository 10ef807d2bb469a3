"""Startup handler of a router runs twice

`include_router` copies a router's `on_event` handlers to the application and also merges the router's own lifespan,
which runs them again: the scheduler is started twice, the pool opened twice, the migration run twice. An application
that has a `lifespan` of its own runs them once.

## Use instead
Move the code into the `lifespan` of the application, or pass `lifespan=` to the router.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/advanced/events/"],
    examples=[
        Bad(
            """
            from fastapi import APIRouter, FastAPI

            router = APIRouter()
            started = []

            @router.on_event("startup")  # finding
            async def start_scheduler() -> None:
                started.append("scheduler")

            @router.get("/started")
            def what_started() -> list[str]:
                return started

            app = FastAPI()
            app.include_router(router)
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import APIRouter, FastAPI

            router = APIRouter()

            @router.on_event("startup")
            async def start_scheduler() -> None: ...

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                yield

            app = FastAPI(lifespan=lifespan)
            app.include_router(router)
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.on_event("startup")
            async def start_scheduler() -> None: ...
            """
        ),
    ],
)


@rule.check
def handlers(app: App) -> Iterator[Finding]:
    if app.has_lifespan or app.is_mounted:
        return
    for event in app.event_handlers:
        receiver = event.call.receiver
        if receiver is not None and receiver.is_a("fastapi.APIRouter"):
            yield event.finding(
                f"This handler of an included router runs twice at each start of `{app.name}`. Move it into the "
                "lifespan of the application."
            )


@rule.proof
def it_started_twice(bad: Served) -> None:
    assert bad.get("/started").json() == ["scheduler", "scheduler"]
