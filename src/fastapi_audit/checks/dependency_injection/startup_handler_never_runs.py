"""Startup or shutdown handler that never runs

An application with a `lifespan` ignores its `on_event`, `on_startup` and `on_shutdown` handlers without a word, and
a mounted application's own lifespan and handlers are never run: Starlette only runs those of the outermost one. The
pool is not opened, the cache not warmed, the scheduler not started, and nothing in the log says so.

## Use instead
Move the code into the one `lifespan` function. For a mounted application, enter its lifespan from the outer one:
`async with sub.router.lifespan_context(sub): yield`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Project, Registered
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://fastapi.tiangolo.com/advanced/events/"],
    examples=[
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI

            ran = []

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                ran.append("lifespan")
                yield

            app = FastAPI(lifespan=lifespan)

            @app.on_event("startup")  # finding
            async def open_pool() -> None:
                ran.append("startup")

            @app.get("/ran")
            def what_ran() -> list[str]:
                return ran
            """
        ),
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                yield {"pool": object()}

            app = FastAPI()
            admin = FastAPI(lifespan=lifespan)
            # finding
            app.mount("/admin", admin)
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import APIRouter, FastAPI

            router = APIRouter()

            @router.on_event("startup")
            async def warm() -> None: ...

            @asynccontextmanager
            async def admin_lifespan(app: FastAPI):
                yield

            admin = FastAPI(lifespan=admin_lifespan)

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with admin.router.lifespan_context(admin):
                    yield

            app = FastAPI(lifespan=lifespan)
            app.include_router(router)
            app.mount("/admin", admin)
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()
            public = FastAPI(title="public")
            app.mount("/public", public)

            @app.on_event("startup")
            async def open_pool() -> None: ...
            """
        ),
        Bad(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI

            def connect() -> None:
                print("connected")

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                yield

            app = FastAPI(lifespan=lifespan, on_startup=[connect])  # finding
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI

            @asynccontextmanager
            async def connected(app: FastAPI):
                app.state.ready = True
                yield

            admin = FastAPI(lifespan=connected)

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                async with connected(admin):
                    yield

            app = FastAPI(lifespan=lifespan)
            app.mount("/admin", admin)
            """
        ),
    ],
)


@rule.check
def handlers(app: App, project: Project) -> Iterator[Finding]:
    own = [e for e in app.event_handlers if _on_application(e)]
    if app.has_lifespan:
        for event in own:
            yield event.finding(
                f"`{event.call.text}` never runs: `{app.name}` has a `lifespan`, and FastAPI then ignores its event "
                "handlers. Move the code into the lifespan."
            )
        for name in ("on_startup", "on_shutdown"):
            given = app.written(name)
            if given is not None and given.constant is not None:
                yield given.finding(f"`{name}` is ignored, because `{app.name}` also has a `lifespan`.")
    if app.is_mounted and (app.has_lifespan or own) and not _entered(app, project):
        what = "lifespan" if app.has_lifespan else "start-up handlers"
        yield _mount(app).finding(
            f"The {what} of `{app.name}` never run: only those of the outermost application do. Enter them from the "
            "outer lifespan with `sub.router.lifespan_context(sub)`."
        )


def _on_application(event: Registered) -> bool:
    receiver = event.call.receiver
    return receiver is not None and receiver.is_a("fastapi.FastAPI")


def _mount(app: App) -> Registered | App:
    routes = app.parent.routes if app.parent is not None else []
    return next((r for r in routes if r.kind == "mount" and r.handler is app.instance), app)


def _entered(app: App, project: Project) -> bool:
    """Whether somebody runs the lifespan of a mounted application, as far as can be seen."""
    if app.lifespan is not None and app.lifespan.callers:
        return True
    return any(c.method in {"lifespan_context", "lifespan", "_router_lifespan"} for f in project.source.functions
               for c in f.calls)  # fmt: skip


@rule.proof
def only_the_lifespan_ran(bad: Served) -> None:
    assert bad.get("/ran").json() == ["lifespan"]
