"""Engine without pool_pre_ping hands out dead connections

A restart of the database, a failover or a proxy's idle timeout closes the connections in the pool, and the pool does
not notice: the next requests get `connection is closed`, one for each connection that was idle. With
`pool_pre_ping=True` the pool tests a connection as it hands it out and replaces a dead one.

## Use instead
`create_engine(url, pool_pre_ping=True)`.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Resource
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.sqlalchemy.org/en/20/core/pooling.html#dealing-with-disconnects"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from sqlalchemy.ext.asyncio import create_async_engine

            engine = create_async_engine("postgresql+asyncpg://localhost/leads", pool_size=10)  # finding
            app = FastAPI()
            """,
            fixed="""
            from fastapi import FastAPI
            from sqlalchemy.ext.asyncio import create_async_engine

            engine = create_async_engine("postgresql+asyncpg://localhost/leads", pool_size=10, pool_pre_ping=True)
            app = FastAPI()
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI
            from pydantic_settings import BaseSettings
            from sqlalchemy import QueuePool, create_engine

            class Settings(BaseSettings):
                database_url: str = "postgresql://localhost/leads"

            settings = Settings()
            engine = create_engine(settings.database_url, poolclass=QueuePool, pool_pre_ping=False)  # finding
            app = FastAPI()
            """,
            fixed="""
            from fastapi import FastAPI
            from pydantic_settings import BaseSettings
            from sqlalchemy import QueuePool, create_engine

            class Settings(BaseSettings):
                database_url: str = "postgresql://localhost/leads"

            settings = Settings()
            engine = create_engine(settings.database_url, poolclass=QueuePool, pool_pre_ping=True)
            app = FastAPI()
            """,
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from sqlalchemy import NullPool, create_engine
            from sqlalchemy.pool import StaticPool

            options = {"pool_pre_ping": True}
            url = "postgresql://localhost/leads"
            local = create_engine("sqlite:///leads.db")
            checked = create_engine(url, **options)
            unpooled = create_engine(url, poolclass=NullPool)
            shared = create_engine(os.environ["DATABASE_URL"], poolclass=StaticPool)
            recycled = create_engine(url, pool_recycle=300)
            app = FastAPI()
            """
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from sqlalchemy import create_engine

            SQLITE_FILE = os.environ["SQLITE_FILE"]
            engine = create_engine(f"sqlite:///{SQLITE_FILE}")
            app = FastAPI()
            """
        ),
    ],
    unproven="Only a real PostgreSQL that closes a connection shows it; a test marked services does that.",
)

ENGINES = ("sqlalchemy.Engine", "sqlalchemy.ext.asyncio.AsyncEngine")
SHORT = 300
"""Seconds; a pool that replaces its connections this often rarely holds a dead one."""


QUEUES = ("QueuePool", "AsyncAdaptedQueuePool", "FallbackAsyncAdaptedQueuePool")


def _is_unpooled(resource: Resource) -> bool:
    """Whether a pool class is given that may keep no idle connections."""
    given = resource.written("poolclass")
    if given is None:
        return resource.has("poolclass")
    return (given.name or "").rpartition(".")[2] not in QUEUES


@rule.check
def engines(resource: Resource) -> Iterator[Finding]:
    if not resource.is_a(*ENGINES) or not resource.call.method.startswith("create_"):
        return
    url = resource.constant("url", 0)
    if "sqlite" in str(url) or _is_unpooled(resource) or resource.call.has_unknown_arguments:
        return
    if resource.constant("pool_pre_ping") not in (None, False) or resource.has("creator"):
        return
    recycle = resource.constant("pool_recycle")
    if recycle is ... or (isinstance(recycle, int) and 0 <= recycle <= SHORT):
        return
    found = resource.finding(
        "This pool hands out connections that the database has closed: after a restart or failover the next requests "
        "fail. Add `pool_pre_ping=True`.",
        fix=Fix(
            "Test connections as they are handed out", (resource.call.keyword_edit("pool_pre_ping", "True"),), safe=True
        ),
    )
    known = isinstance(url, str)
    written = resource.written("url", 0)
    local = written is not None and "sqlite" in written.text.lower()
    if not local:
        yield found if known else replace(found, confidence=Confidence.MEDIUM)
