"""Database pool nearly used up under a light load

At no more than 50 requests a second, 80 % of the pool or more was in use, in more than one scrape. Little is left for a
burst: then requests wait for a connection, and after the pool's time limit they fail.

## Use instead
Look first for what holds a connection too long: a call to another service within a transaction, a session that stays open
while an answer is streamed, a query without an index. Only then a larger pool, as far as the database allows.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExportedMetrics
from fastapi_audit.model import Verdict
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.sqlalchemy.org/en/21/core/pooling.html#sqlalchemy.pool.QueuePool"],
    examples=[
        Bad(
            """
            import time

            from fastapi import FastAPI
            from prometheus_client import Gauge, make_asgi_app
            from sqlalchemy import QueuePool, create_engine

            app = FastAPI()
            app.mount("/metrics", make_asgi_app())
            engine = create_engine("sqlite://", poolclass=QueuePool, pool_size=2, max_overflow=0)
            Gauge("database_pool_in_use", "Connections in use").set_function(lambda: engine.pool.checkedout())
            Gauge("database_pool_capacity", "Connections").set(2)

            @app.get("/leads")
            def leads() -> list[str]:
                with engine.connect():
                    time.sleep(0.2)
                return ["Ada"]
            """
        ),
        # The same work with room to spare.
        Good(
            """
            import time

            from fastapi import FastAPI
            from prometheus_client import Gauge, make_asgi_app
            from sqlalchemy import QueuePool, create_engine

            app = FastAPI()
            app.mount("/metrics", make_asgi_app())
            engine = create_engine("sqlite://", poolclass=QueuePool, pool_size=40, max_overflow=0)
            Gauge("database_pool_in_use", "Connections in use").set_function(lambda: engine.pool.checkedout())
            Gauge("database_pool_capacity", "Connections").set(40)

            @app.get("/leads")
            def leads() -> list[str]:
                with engine.connect():
                    time.sleep(0.2)
                return ["Ada"]
            """
        ),
    ],
)


@rule.check
def nearly_used_up(metrics: ExportedMetrics) -> Iterator[Finding | Undecided]:
    figure = metrics.figure("pool_share")
    if figure and metrics.scrape and figure.verdict is Verdict.FAIL:
        seen = f"under the load of the probe, {figure.low:.0%} to {figure.high:.0%} of the pool was in use"
        yield Finding(
            f"`{figure.source}` reaches 80 % of the pool under a light load: a burst will wait for connections. Find what holds "
            "them so long.",
            observations=(metrics.scrape.observation(seen),),
        )
    elif why := metrics.unknown("pool_share"):
        yield Undecided(why)


@rule.proof
def a_burst_waits_for_connections(bad: Served) -> None:
    """Twelve requests within half a second need six turns of a pool of two."""
    assert max(reply.seconds for reply in bad.together(*[("GET", "/leads")] * 12)) > 0.4
