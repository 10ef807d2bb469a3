"""Asynchronous pool opened where no event loop runs

`psycopg_pool.AsyncConnectionPool(…)` at module level starts its workers at once and raises `RuntimeError:
AsyncConnectionPool open with no running loop` while the module is imported. `asyncpg.create_pool(…)` at module level
opens nothing until it is awaited: its first use raises `InterfaceError: pool is not initialized`.

## Use instead
Make it in the `lifespan`: `async with AsyncConnectionPool(…) as pool: yield {"pool": pool}`; or `open=False` at module
level and `await pool.open()` in the `lifespan`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Module, Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://www.psycopg.org/psycopg3/docs/advanced/pool.html"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from psycopg_pool import AsyncConnectionPool

            pool = AsyncConnectionPool("postgresql://localhost/leads")  # finding
            app = FastAPI()
            """
        ),
        Bad(
            """
            import asyncpg
            from fastapi import FastAPI

            pool = asyncpg.create_pool("postgresql://localhost/leads")  # finding
            app = FastAPI()

            @app.get("/leads")
            async def leads() -> list[str]:
                return await pool.fetch("select name from leads")
            """
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            import asyncpg
            from fastapi import FastAPI
            from psycopg_pool import AsyncConnectionPool, ConnectionPool

            closed = AsyncConnectionPool("postgresql://localhost/leads", open=False)
            waiting = ConnectionPool("postgresql://localhost/leads", open=False)
            later = asyncpg.create_pool("postgresql://localhost/leads")
            third = asyncpg.create_pool("postgresql://localhost/leads")

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                await closed.open()
                await later
                async with third, AsyncConnectionPool("postgresql://localhost/leads") as pool:
                    yield {"pool": pool}

            app = FastAPI(lifespan=lifespan)
            """
        ),
    ],
)


@rule.check
def modules(module: Module, project: Project) -> Iterator[Finding]:
    for call in module.calls_to("psycopg_pool.AsyncConnectionPool", "asyncpg.create_pool"):
        name = call.assigned_to
        if call.name == "psycopg_pool.AsyncConnectionPool":
            opened = call.argument("open")
            if opened is None or opened.constant is True:
                yield call.finding(
                    "This pool opens while the module is imported, where no event loop runs: RuntimeError. Pass "
                    "`open=False` and open it in the lifespan."
                )
        elif name is not None and not _initialised(name, project):
            yield call.finding(
                f"`{name}` is never awaited or entered, so its first use raises `pool is not initialized`. Make it in "
                "the lifespan with `async with`."
            )


def _initialised(name: str, project: Project) -> bool:
    """Whether something awaits or enters a variable of this name anywhere."""
    bodies = [b for m in project.source.application_modules for b in (m, *m.functions)]
    return any(
        (e.written or "").rpartition(".")[2] == name and (e.awaited or e.entered)
        for b in bodies
        for e in b.expressions
        if e.kind in {"name", "attribute"}
    )


@rule.proof(needs=("psycopg", "psycopg_pool"))
def the_module_cannot_be_imported(bad: Served) -> None:
    assert not bad.started
    assert "no running" in bad.log
