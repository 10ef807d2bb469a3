"""Cache that misses although the same is asked again

Called again and again with the same arguments, the service looked into its cache and found nothing more often than not.
Then the cache costs a round trip for every request and saves none: keys with something in them that differs each time (an
object's address, a time stamp, a request id), a lifetime of a moment, or a store of each worker's own.

## Use instead
A key of exactly the values that the answer depends on, and a lifetime as long as the answer may be old. The checklist's
target is a hit ratio above 95 %.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ExportedMetrics
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

MOSTLY = 0.5

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://redis.io/docs/latest/commands/info/"],
    examples=[
        Bad(
            """
            import time

            from fastapi import FastAPI
            from prometheus_client import Counter, make_asgi_app

            app = FastAPI()
            app.mount("/metrics", make_asgi_app())
            known: dict[str, list[str]] = {}
            LOOKUPS = Counter("cache_lookups_total", "Lookups", ["outcome"])

            @app.get("/leads")
            async def leads() -> list[str]:
                key = f"leads:{time.time_ns()}"
                LOOKUPS.labels("hit" if key in known else "miss").inc()
                return known.setdefault(key, ["Ada"])
            """
        ),
        # The first lookups after a start miss in every cache.
        Good(
            """
            from fastapi import FastAPI
            from prometheus_client import Counter, make_asgi_app

            app = FastAPI()
            app.mount("/metrics", make_asgi_app())
            known: dict[str, list[str]] = {}
            LOOKUPS = Counter("cache_lookups_total", "Lookups", ["outcome"])

            @app.get("/leads")
            async def leads() -> list[str]:
                key = "leads"
                LOOKUPS.labels("hit" if key in known else "miss").inc()
                return known.setdefault(key, ["Ada"])
            """
        ),
    ],
)


@rule.check
def mostly_misses(metrics: ExportedMetrics) -> Iterator[Finding | Undecided]:
    figure = metrics.figure("cache_hit_share")
    if figure and metrics.scrape and figure.high < MOSTLY:
        seen = f"during the load of the probe between {figure.low:.0%} and {figure.high:.0%} of the lookups hit"
        yield Finding(
            f"The cache that `{figure.source}` counts misses although the same is asked again: it costs time and saves none. Look "
            "at what its keys are made of.",
            observations=(metrics.scrape.observation(seen),),
        )
    elif why := metrics.unknown("cache_hit_share"):
        yield Undecided(why)
    elif figure and figure.low < MOSTLY:
        yield Undecided(f"between {figure.low:.0%} and {figure.high:.0%} of the lookups hit")


@rule.proof
def asking_twice_misses_twice(bad: Served) -> None:
    for _ in range(3):
        bad.get("/leads")
    scraped = bad.get("/metrics/").text
    assert 'cache_lookups_total{outcome="miss"} 3.0' in scraped
    assert 'outcome="hit"' not in scraped
