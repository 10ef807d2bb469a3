"""Database pool that nobody watches

The service measures itself, but not how full its connection pool is. The checklist's limit is 80 %: beyond it requests
begin to queue for a connection, and the first thing that anybody sees is time-outs. No exporter measures the pool by
itself; the OpenTelemetry instrumentation of SQLAlchemy refuses SQLAlchemy 2.1.

## Use instead
A gauge fed from `engine.pool.checkedout()` beside one of its capacity, and an alert on their ratio.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import ExportedMetrics, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Severity, Undecided

ENGINES = ("sqlalchemy.Engine", "sqlalchemy.ext.asyncio.AsyncEngine", "asyncpg.Pool")
WATCHED = re.compile(r"pool|connections|checked_?out|db_client")
INSTRUMENTATION = "opentelemetry.instrumentation.sqlalchemy"
"""It counts the connections in use, where the version of SQLAlchemy lets it."""
READS = frozenset({"checkedout", "get_idle_size", "checkedin", "overflow"})

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    references=["https://docs.sqlalchemy.org/en/21/core/pooling.html#sqlalchemy.pool.QueuePool"],
    unproven="nothing fails while the pool is not full; the absence of a figure is what the rule reports",
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator
            from sqlalchemy.ext.asyncio import create_async_engine

            app = FastAPI()
            engine = create_async_engine("postgresql+asyncpg://db/leads")  # finding
            Instrumentator().instrument(app).expose(app)
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_client import Gauge, make_asgi_app
            from sqlalchemy.ext.asyncio import create_async_engine

            app = FastAPI()
            engine = create_async_engine("postgresql+asyncpg://db/leads", pool_size=10, max_overflow=0)
            Gauge("database_pool_in_use", "Connections in use").set_function(lambda: engine.pool.checkedout())
            Gauge("database_pool_capacity", "Connections").set(10)
            app.mount("/metrics", make_asgi_app())
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_client import Gauge
            from sqlalchemy.ext.asyncio import create_async_engine

            app = FastAPI()
            engine = create_async_engine("postgresql+asyncpg://db/leads")
            Gauge("database_pool_in_use", "Connections in use").set_function(lambda: engine.pool.checkedout())
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
            from sqlalchemy import create_engine

            app = FastAPI()
            engine = create_engine("postgresql+psycopg://db/leads")
            SQLAlchemyInstrumentor().instrument(engine=engine)
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator
            from sqlalchemy import create_engine
            from sqlalchemy.pool import NullPool

            app = FastAPI()
            local = create_engine("sqlite:///leads.db")
            behind_pgbouncer = create_engine("postgresql+psycopg://db/leads", poolclass=NullPool)
            Instrumentator().instrument(app)
            """,
            decided=False,
        ),
        Good(
            """
            from fastapi import FastAPI
            from prometheus_client.core import GaugeMetricFamily, REGISTRY
            from prometheus_fastapi_instrumentator import Instrumentator
            from sqlalchemy import create_engine

            engine = create_engine("postgresql+psycopg://db/leads")
            app = FastAPI()
            Instrumentator().instrument(app).expose(app)


            class Connections:
                def collect(self):
                    yield GaugeMetricFamily("connections", "Connections in use", value=engine.pool.checkedout())


            REGISTRY.register(Connections())
            """,
            live=False,
        ),
    ],
)


@rule.check
def unwatched(project: Project) -> Iterator[Finding]:
    source = project.source
    if not source.exports_metrics or any(WATCHED.search(m.words) for m in source.metrics):
        return
    if any(m.imports_any(INSTRUMENTATION) for m in source.application_modules):
        return
    if any(c.method in READS for b in source.bodies for c in b.calls):
        return
    for resource in source.resources:
        url = resource.constant("url", 0)
        if (
            not resource.is_a(*ENGINES)
            or resource.has("poolclass")
            or (isinstance(url, str) and url.startswith("sqlite"))
        ):
            continue
        yield resource.finding(
            "Nothing measures how full this pool is, so that requests queue for a connection shows only as time-outs. Export "
            "`pool.checkedout()`."
        )
        return


@rule.check
def on_the_wire(metrics: ExportedMetrics) -> Iterator[Refutation | Undecided]:
    if metrics.scrape and (figure := metrics.figure("pool_share")):
        seen = metrics.scrape.observation("what Prometheus reads")
        yield Refutation(f"`{figure.source}` tells how full the pool is.", observations=(seen,))
    else:
        yield Undecided(f"{metrics.unknown('pool_share')}; only the files tell whether there is a pool")
