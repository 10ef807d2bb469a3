"""Cache whose hit ratio nobody knows

Answers are cached, but neither the service nor an exporter beside Redis counts hits and misses. The checklist's target
is a ratio above 95 %; a cache that nearly always misses costs a round trip for every request and looks healthy.

## Use instead
A counter of hits and misses where the cache is read, or `redis_exporter` (`redis_keyspace_hits_total`) when that Redis
holds nothing else.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import ExportedMetrics, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Severity, Undecided

CACHES = (
    "fastapi_cache.cache",
    "fastapi_cache.FastAPICache.init",
    "cashews.cache.setup",
    "aiocache.cached",
    "aiocache.Cache",
)
SHARED = re.compile(r"redis|valkey|memcache", re.IGNORECASE)
"""What aiocache keeps elsewhere than in the process; one value in a dictionary has no ratio worth an alert."""
COUNTED = re.compile(r"cache|hit|miss")
EXPORTER = re.compile(r"redis[-_]?exporter")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    references=["https://redis.io/docs/latest/commands/info/"],
    unproven="nothing fails while nobody counts; the absence of a figure is what the rule reports",
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi_cache.decorator import cache
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            Instrumentator().instrument(app).expose(app)


            @app.get("/leads")
            @cache(expire=60)  # finding
            async def leads() -> list:
                return []
            """,
            live=False,
        ),
        Good(
            """
            from aiocache import SimpleMemoryCache
            from fastapi import FastAPI
            from prometheus_client import Counter, make_asgi_app

            app = FastAPI()
            app.mount("/metrics", make_asgi_app())
            leads_cache = SimpleMemoryCache()
            LOOKUPS = Counter("cache_lookups_total", "Lookups", ["outcome"])


            @app.get("/leads")
            async def leads() -> list[str]:
                known = await leads_cache.get("leads")
                LOOKUPS.labels("hit" if known else "miss").inc()
                if known is None:
                    known = ["Ada"]
                    await leads_cache.set("leads", known, ttl=60)
                return known
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi_cache.decorator import cache
            from prometheus_client import Counter

            app = FastAPI()
            LOOKUPS = Counter("cache_lookups_total", "Lookups", ["outcome"])


            @app.get("/leads")
            @cache(expire=60)
            async def leads() -> list:
                return []
            """,
            decided=False,
        ),
        Good(
            """
            from aiocache import cached
            from fastapi import FastAPI
            from prometheus_fastapi_instrumentator import Instrumentator

            app = FastAPI()
            Instrumentator().instrument(app)


            @app.get("/models")
            @cached(ttl=60)
            async def models() -> list:
                return []
            """,
            decided=False,
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from fastapi_cache.decorator import cache
                from prometheus_fastapi_instrumentator import Instrumentator

                app = FastAPI()
                Instrumentator().instrument(app)


                @app.get("/leads")
                @cache(expire=60)
                async def leads() -> list:
                    return []
                """,
                "compose.yaml": """
                services:
                  redis:
                    image: redis:8.2
                  metrics:
                    image: oliver006/redis_exporter:v1.80
                """,
            },
            decided=False,
        ),
    ],
)


@rule.check
def uncounted(project: Project) -> Iterator[Finding]:
    source = project.source
    if not source.exports_metrics or any(COUNTED.search(m.words) for m in source.metrics):
        return
    deployed = (project.text(p) or "" for p in project.tree.paths if p.endswith((".yml", ".yaml", ".tf", "Dockerfile")))
    if any(EXPORTER.search(text) for text in deployed):
        return
    calls = [c for c in source.calls_to(*CACHES) if not (c.name or "").startswith("aiocache.") or SHARED.search(c.text)]
    if calls:
        yield calls[0].finding(
            "Nobody counts how often this cache hits, so a cache that only costs time looks like one that works. Count hits and "
            "misses."
        )


@rule.check
def on_the_wire(metrics: ExportedMetrics) -> Iterator[Refutation | Undecided]:
    if metrics.scrape and (figure := metrics.figure("cache_hit_share")):
        seen = metrics.scrape.observation("what Prometheus reads")
        yield Refutation(f"`{figure.source}` counts hits and misses.", observations=(seen,))
    else:
        yield Undecided(f"{metrics.unknown('cache_hit_share')}; only the files tell whether there is a cache")
