"""Second event loop inside a running one

`asyncio.run` and `run_until_complete` refuse to start while a loop is running in the thread, and code that an
`async def` handler calls always runs in one: the call raises `RuntimeError` and the request answers 500.

## Use instead
`await` the coroutine; make the helper on the way `async def`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project, Reach
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

STARTERS = ("asyncio.run", "asyncio.EventLoop.run_until_complete", "anyio.run")
PATCHES = ("nest_asyncio", "nest_asyncio2")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.python.org/3/library/asyncio-runner.html#asyncio.run"],
    examples=[
        Bad(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()


            async def load() -> str:
                return "loaded"


            def loaded() -> str:
                return asyncio.run(load())  # finding


            @app.get("/")
            async def root() -> str:
                return loaded()
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI
            from fastapi.concurrency import run_in_threadpool

            app = FastAPI()


            async def load() -> str:
                return "loaded"


            def loaded() -> str:
                return asyncio.run(load())


            def anywhere() -> object:
                try:
                    loop = asyncio.get_running_loop()
                except RuntimeError:
                    return asyncio.run(load())
                return loop.create_task(load())


            @app.get("/thread")
            def thread() -> str:
                return loaded()


            @app.get("/")
            async def root() -> str:
                anywhere()
                return await run_in_threadpool(loaded)
            """
        ),
    ],
)


@rule.check
def second_loops(reach: Reach, project: Project) -> Iterator[Finding]:
    if reach is not reach.function.on_event_loop:
        return
    starting = reach.function.calls_to(*STARTERS)
    if not starting or any(module.imports_any(*PATCHES) for module in project.source.application_modules):
        return
    for call in starting:
        if call.handler is not None or call.conditions or call.tries:
            continue
        yield call.finding(
            f"`{call.callee.text}` raises here, because a loop is running already: {reach.arrow(call.callee.text)}. Await the "
            "coroutine instead.",
            trace=reach.trace(call),
            operation=reach.operation,
        )


@rule.proof
def the_request_fails(bad: Served) -> None:
    """The call raises and the request answers 500."""
    assert bad.get("/").status_code == 500
    bad.stop()
    assert "cannot be called from a running event loop" in bad.log
