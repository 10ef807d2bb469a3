"""Rate limits counted in each process

Without `storage_uri` slowapi counts in the memory of the process. Each worker and each replica allows the full limit:
with two workers, 20 of 60 requests passed a limit of ten. A restart sets all counts to zero.

## Use instead
`Limiter(…, storage_uri="redis://…")`, with `in_memory_fallback_enabled=True` and a short socket timeout.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project, Resource, SplitLimit
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-770",
    references=["https://slowapi.readthedocs.io/en/latest/examples/#use-redis-as-backend-for-the-limiter"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)  # finding
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("4/minute")
            def leads(request: Request) -> str:
                return "ok"
            """,
            live=False,  # one process counts for itself only
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI, Request
                from slowapi import Limiter
                from slowapi.util import get_remote_address

                limiter = Limiter(key_func=get_remote_address, storage_uri="memory://")  # finding
                app = FastAPI()
                app.state.limiter = limiter

                @app.get("/leads")
                @limiter.limit("20/minute")
                def leads(request: Request) -> str:
                    return "ok"
                """,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "4"]
                """,
            }
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, storage_uri="redis://cache:6379/0")
            other = Limiter(key_func=get_remote_address, storage_uri=os.environ["LIMITS"])
            third = Limiter(key_func=get_remote_address, storage_uri=os.environ.get("REDIS_URL", "memory://"))
            app = FastAPI()
            app.state.limiter = limiter
            """,
            live=False,  # there is no Redis
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from slowapi import Limiter
                from slowapi.util import get_remote_address

                limiter = Limiter(key_func=get_remote_address)
                app = FastAPI()
                app.state.limiter = limiter
                """,
                ".env": """
                RATELIMIT_STORAGE_URL=redis://cache:6379/0
                """,
            },
            live=False,  # there is no Redis
        ),
        Good(
            {
                "main.py": """
                import sqlite3
                import time

                from fastapi import FastAPI, HTTPException, Request

                app = FastAPI()

                def count(address: str) -> int:
                    with sqlite3.connect("counts.db", timeout=10) as counts:
                        counts.execute("CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, number INTEGER)")
                        counts.execute(
                            "INSERT INTO counts VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET number = number + 1",
                            (f"{address} {time.time() // 0.3}",),
                        )
                        return counts.execute("SELECT number FROM counts ORDER BY rowid DESC").fetchone()[0]

                @app.get("/leads")
                def leads(request: Request) -> str:
                    if count(request.client.host) > 8:
                        raise HTTPException(429)
                    return "ok"
                """,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "3"]
                """,
            }
        ),
    ],
)

VARIABLE = "RATELIMIT_STORAGE_URL"


@rule.check
def limiters(resource: Resource, project: Project) -> Iterator[Finding]:
    if not resource.is_a("slowapi.Limiter") or resource.call.has_unknown_arguments or resource.has("config_filename"):
        return
    given = resource.constant("storage_uri")
    if given is not None and (not str(given).startswith("memory://") or resource.is_default("storage_uri")):
        return
    if _set_outside(project):
        return
    total = project.deployment.workers_total
    several = total is not None and total.least > 1
    shown = f" ({total.arithmetic})" if total is not None and several else ""
    yield resource.finding(
        f"These limits are counted in each process{shown}: every worker and replica allows the full number, and a "
        "restart forgets them. Share the counts with `storage_uri`.",
        severity=None if several else Severity.MEDIUM,
    )


@rule.check
def on_the_wire(limit: SplitLimit) -> Iterator[Finding]:
    if limit.served is not None:
        yield Finding(
            "Each worker counts for itself: a client that one of them refuses is served by the next. Share the counts with "
            "`storage_uri`.",
            # Of the limiter, which serves all operations.
            observations=(
                limit.refused.observation(f"after {limit.allowed} answers one worker refuses `{limit.operation}`"),
                limit.served.observation("meanwhile another one serves the same client, again and again"),
            ),
        )


def _set_outside(project: Project) -> bool:
    """Whether the variable that slowapi reads is mentioned where the service is deployed."""
    paths = [p for p in project.tree.paths if p.rpartition("/")[2].startswith((".env", "env.")) or p.endswith(
        (".yml", ".yaml", "Dockerfile", ".sh", ".service", ".tf"))]  # fmt: skip
    return any(VARIABLE in (project.text(p) or "") for p in paths[:MOST_FILES])


MOST_FILES = 500


@rule.proof(needs=("slowapi",), options=("--workers", "2"))
def each_worker_allows_the_limit(bad: Served) -> None:
    replies = [bad.get("/leads").status_code for _ in bad.each_worker() for _ in range(8)]

    assert replies.count(200) == 8
