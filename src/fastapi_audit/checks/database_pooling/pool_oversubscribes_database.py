"""Pools that may open more connections than the database accepts

Each process has a pool of its own, so that the service may open workers x replicas x (pool_size + max_overflow)
connections. Four workers with 20 + 10 against a PostgreSQL that accepts 60: 60 requests were served and 20 failed with
`sorry, too many clients already`, and nobody else, no migration and no administrator, could connect.

## Use instead
Divide what the database accepts, less a reserve, by the number of processes; or put PgBouncer between them.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project, Resource
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.sqlalchemy.org/en/20/core/pooling.html#connection-pool-configuration"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy.ext.asyncio import create_async_engine

                # finding
                engine = create_async_engine("postgresql+asyncpg://db/leads", pool_size=20, max_overflow=10)
                app = FastAPI()
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --workers 4
                  db:
                    image: postgres:17
                    command: postgres -c max_connections=60
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy.ext.asyncio import create_async_engine

                engine = create_async_engine("postgresql+asyncpg://db/leads", pool_size=5, max_overflow=5)
                app = FastAPI()
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --workers 4
                  db:
                    image: postgres:17
                    command: postgres -c max_connections=60
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy.ext.asyncio import create_async_engine

                engine = create_async_engine("postgresql+asyncpg://pgbouncer:6432/leads", pool_size=50)
                app = FastAPI()
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --workers 4
                  db:
                    image: postgres:17
                """,
            }
        ),
        Bad(
            {
                "main.py": """
                from contextlib import asynccontextmanager

                import asyncpg
                from fastapi import FastAPI

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    async with asyncpg.create_pool("postgresql://db/leads", max_size=20) as pool:  # finding
                        yield {"pool": pool}

                app = FastAPI(lifespan=lifespan)
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --workers 4
                  db:
                    image: postgres:17
                    command: postgres -c max_connections=60
                """,
            }
        ),
    ],
    unproven="It takes a real PostgreSQL that runs out of connections; a test marked services does that.",
)

ENGINES = ("sqlalchemy.Engine", "sqlalchemy.ext.asyncio.AsyncEngine")
SIZE, OVERFLOW, ASYNCPG_SIZE = 5, 10, 10
"""What SQLAlchemy and asyncpg take when nothing is said."""


@rule.check
def pools(project: Project) -> Iterator[Finding]:
    limit, total = project.deployment.max_connections, project.deployment.workers_total
    if limit is None or total is None:
        return
    sized = [(r, most) for r in project.source.resources if (most := _most(r)) is not None]
    together = sum(most for _, most in sized)
    if total.least * together <= limit.value:
        return
    shown = " + ".join(str(most) for _, most in sized)
    default = " by default" if limit.is_default else ""
    yield sized[0][0].finding(
        f"{total.least} processes ({total.arithmetic}) x {shown} connections each = {total.least * together}, but the "
        f"PostgreSQL accepts {limit.value}{default}: under load it refuses with `too many clients already`."
    )


def _most(resource: Resource) -> int | None:
    """How many connections one process may open through it; `None` when it is no pool, or not known."""
    if resource.call.has_unknown_arguments or _elsewhere(
        str(resource.constant("url", 0) or resource.constant("dsn", 0))
    ):
        return None
    if resource.is_a(*ENGINES) and not resource.has("poolclass"):
        size, overflow = resource.constant("pool_size"), resource.constant("max_overflow")
        return _number(size, SIZE) + _number(overflow, OVERFLOW)
    if resource.is_a("asyncpg.Pool"):
        return _number(resource.constant("max_size"), ASYNCPG_SIZE)
    return None


def _number(given: object, default: int) -> int:
    return given if isinstance(given, int) and given >= 0 else default


def _elsewhere(url: str) -> bool:
    """Whether a URL leads to another database or to a pooler."""
    return any(word in url for word in ("sqlite", "mysql", ":6432", "pgbouncer", "pooler", "pgcat"))
