"""The cache may grow until Redis is out of memory

Redis has no memory limit by default and evicts nothing. A cache whose keys come from requests grows until the container
is killed, or, with a limit alone, until every write fails with `OOM command not allowed`.

## Use instead
`redis-server --maxmemory 256mb --maxmemory-policy allkeys-lru`. A Redis that also holds a queue or sessions needs
another policy, and is better a second one.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import Service, ServiceKind
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

CACHING = """
from fastapi import FastAPI
from fastapi_cache.decorator import cache

app = FastAPI()

@app.get("/leads")
@cache(expire=60)
async def leads(page: int = 1) -> list[str]:
    return []
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-770",
    references=["https://redis.io/docs/latest/develop/reference/eviction/"],
    examples=[
        Bad(
            {
                "main.py": CACHING,
                "compose.yaml": """
                services:
                  redis:  # finding
                    image: redis:8
                """,
            }
        ),
        Good(
            {
                "main.py": CACHING,
                "compose.yaml": """
                services:
                  redis:
                    image: redis:8
                    command: redis-server --maxmemory 256mb --maxmemory-policy allkeys-lru
                  configured:
                    image: redis:8
                    command: redis-server /etc/redis.conf
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from redis.asyncio import Redis

                app = FastAPI()
                sessions = Redis()
                """,
                "compose.yaml": """
                services:
                  redis:
                    image: redis:8
                """,
            }
        ),
    ],
    unproven="It takes a Redis that runs out of memory; its manual says what it does without a limit.",
)

CACHES = ("fastapi_cache", "aiocache", "cashews", "fastapi_redis_cache")


@rule.check
def services(service: Service, project: Project) -> Iterator[Finding]:
    if service.kind is not ServiceKind.REDIS or not service.production or service.partial:
        return
    words = " ".join(word for line in (service.entrypoint, service.command) if line for word in line.values)
    configured = "maxmemory" in words or ".conf" in words or "$" in words or bool(service.volumes and words)
    caching = any(module.imports_any(*CACHES) for module in project.source.application_modules)
    if caching and not configured and not project.deployment.redis_confs:
        yield Finding(
            f"The application caches in Redis, and `{service.name}` has no `--maxmemory` and evicts nothing: it grows until "
            "it is killed. Set a limit and `--maxmemory-policy allkeys-lru`.",
            service.location,
        )
