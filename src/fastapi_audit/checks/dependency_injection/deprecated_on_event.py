"""Deprecated on_event handler

`on_event` gives a `DeprecationWarning` at every start; Starlette has removed it already. A start-up handler and its
shut-down handler share nothing but globals, and as soon as someone adds a `lifespan`, both stop running in silence.

## Use instead
One `lifespan` function: what is opened before its `yield` is closed after it.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=["https://fastapi.tiangolo.com/advanced/events/#alternative-events-deprecated"],
    examples=[
        Bad(
            """
            import warnings

            warnings.simplefilter("default")

            from fastapi import FastAPI

            app = FastAPI()

            @app.on_event("startup")  # finding
            async def open_pool() -> None: ...

            @app.on_event("shutdown")  # finding
            async def close_pool() -> None: ...
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                yield

            app = FastAPI(lifespan=lifespan)
            """
        ),
    ],
)


@rule.check
def handlers(app: App) -> Iterator[Finding]:
    # One that never runs has a rule of its own.
    if app.has_lifespan or app.is_mounted:
        return
    for event in app.event_handlers:
        if event.registration.method == "on_event":
            yield event.finding(f"`{event.call.text}` is deprecated: move it into a `lifespan` of `{app.name}`.")


@rule.proof
def the_server_warns(bad: Served) -> None:
    assert "DeprecationWarning" in bad.log
