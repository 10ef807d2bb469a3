"""Connection pool without an upper bound

`max_overflow=-1` (or `pool_size=0`) lets SQLAlchemy open a connection for every request that asks for one. Under load
the pool then bounds nothing: the database refuses further clients, those of other services among them
(`too many clients already`), at the very moment when waiting for a connection would have helped.

## Use instead
A bound that fits the database: `pool_size` and `max_overflow` so that their sum, times the processes, stays below
`max_connections`; and a short `pool_timeout`, so that who waits too long is told soon.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Resource
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.sqlalchemy.org/en/20/core/pooling.html#sqlalchemy.pool.QueuePool.params.max_overflow"],
    examples=[
        Bad(
            """
            import time

            from fastapi import FastAPI
            from sqlalchemy import QueuePool, create_engine

            engine = create_engine(  # finding
                "sqlite:///leads.db", poolclass=QueuePool, pool_size=1, max_overflow=-1
            )
            app = FastAPI()

            @app.get("/leads")
            def leads() -> int:
                with engine.connect():
                    time.sleep(1)
                    return engine.pool.checkedout()
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from sqlalchemy.ext.asyncio import create_async_engine

            engine = create_async_engine("postgresql+asyncpg://localhost/leads", pool_size=0)  # finding
            app = FastAPI()
            """
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from sqlalchemy import NullPool, create_engine

            url = "postgresql://localhost/leads"
            bounded = create_engine(url, pool_size=5, max_overflow=0)
            default = create_engine(url)
            given = create_engine(url, max_overflow=int(os.environ["MAX_OVERFLOW"]))
            proxied = create_engine("postgresql://pgbouncer:6432/leads", poolclass=NullPool)
            app = FastAPI()
            """
        ),
    ],
)

ENGINES = ("sqlalchemy.Engine", "sqlalchemy.ext.asyncio.AsyncEngine")


@rule.check
def engines(resource: Resource) -> Iterator[Finding]:
    if not resource.is_a(*ENGINES):
        return
    for name in _unbounded(resource):
        yield resource.finding(
            f"`{name}={resource.constant(name)}` takes the bound off this pool: it opens as many connections as there "
            "are requests, until the database refuses everybody. Set a number."
        )


def _unbounded(resource: Resource) -> Iterator[str]:
    overflow, size = resource.constant("max_overflow"), resource.constant("pool_size")
    # What is only the default of a setting is replaced in production.
    if overflow == -1 and not resource.is_default("max_overflow"):
        yield "max_overflow"
    elif size == 0 and size is not False and not resource.is_default("pool_size"):
        yield "pool_size"


@rule.proof(needs=("sqlalchemy",))
def every_request_gets_a_connection(bad: Served) -> None:
    replies = bad.together(*[("GET", "/leads")] * 10)

    assert max(int(r.text) for r in replies) >= 8
