"""Cache whose hit ratio nobody knows

Answers are cached, but neither the service nor an exporter beside Redis counts hits and misses. The checklist's target
is a ratio above 95 %; a cache that nearly always misses costs a round trip for every request and looks healthy.

## Use instead
A counter of hits and misses where the cache is read, or `redis_exporter` (`redis_keyspace_hits_total`) when that Redis
holds nothing else.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

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
            Instrumentator().instrument(app)


            @app.get("/leads")
            @cache(expire=60)  # finding
            async def leads() -> list:
                return []
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
            """
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
            """
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
            }
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
            "nobody counts how often this cache hits, so a cache that only costs time looks like one that works. Count hits and "
            "misses"
        )
