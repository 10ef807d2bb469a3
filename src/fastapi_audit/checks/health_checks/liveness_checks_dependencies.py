"""Liveness probe asks for more than the process itself

What fails a liveness probe is restarted. When the probe asks the database, a short outage of the database restarts every
healthy instance at once, and they come back to a database that is still away. A pool exhausted by five slow requests is
enough: the probe waits its turn and fails.

## Use instead
A liveness route only answers. What the service depends on belongs into the readiness route, whose failure only takes
the instance out of the traffic.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Project, Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from redis.asyncio import Redis

            app = FastAPI()
            redis = Redis(host="127.0.0.1", port=1)

            @app.get("/livez")  # finding
            async def live() -> str:
                await redis.ping()
                return "ok"

            @app.get("/")
            async def home() -> str:
                return "hello"
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import Depends, FastAPI
                from sqlalchemy import create_engine, text
                from sqlalchemy.orm import Session, sessionmaker

                sessions = sessionmaker(create_engine("postgresql+psycopg://db/leads"))
                app = FastAPI()

                def get_session():
                    with sessions() as session:
                        yield session

                def ask(session: Session) -> None:
                    session.execute(text("SELECT 1"))

                @app.get("/health")  # finding
                def health(session: Session = Depends(get_session)) -> str:
                    ask(session)
                    return "ok"
                """,
                "deployment.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: api}
                spec:
                  selector: {matchLabels: {app: api}}
                  template:
                    metadata: {labels: {app: api}}
                    spec:
                      containers:
                        - name: api
                          image: example/api:1
                          command: ["uvicorn", "main:app"]
                          livenessProbe:
                            httpGet: {path: /health, port: 8000}
                """,
            }
        ),
        Good(
            """
            from fastapi import FastAPI
            from redis.asyncio import Redis

            app = FastAPI()
            redis = Redis(host="127.0.0.1", port=1)

            @app.get("/livez")
            async def live() -> str:
                return "ok"

            @app.get("/readyz")
            async def ready() -> str:
                await redis.ping()
                return "ok"
            """
        ),
    ],
)

ASKING = (
    "redis.", "sqlalchemy.orm.Session.", "sqlalchemy.ext.asyncio.AsyncSession.", "sqlalchemy.Connection.",
    "sqlalchemy.Engine.connect", "sqlalchemy.ext.asyncio.AsyncEngine.connect", "sqlalchemy.ext.asyncio.AsyncConnection.",
    "asyncpg.", "psycopg.", "psycopg2.", "pymongo.", "motor.", "requests.", "httpx.", "aiohttp.",
)  # fmt: skip
METHODS = frozenset(
    {"ping", "execute", "scalar", "scalars", "fetch", "fetchval", "fetchrow", "connect", "acquire", "get", "post", "head",
     "command", "request", "exec"}
)  # fmt: skip
DEEPEST = 2


@rule.check
def probes(route: Route, project: Project) -> Iterator[Finding]:
    function = route.function
    if function is None or "GET" not in route.methods:
        return
    if route.probe != "liveness" and route.full_path not in _probed(project):
        return
    providers = [d.function for d in route.dependencies if d.function is not None]
    asks = next((c for f in (function, *providers) for c in _asking(f, 0)), None)
    if asks is not None:
        yield route.finding(
            f"`{route.full_path}` is asked whether the process lives, and asks others (`{asks.callee.text}`): when they are "
            "away, every healthy instance is restarted. Let it only answer, and check them in a readiness route."
        )


def _probed(project: Project) -> set[str]:
    """The paths of the liveness probes in Kubernetes."""
    containers = [c for w in project.deployment.workloads for c in w.containers]
    paths = [c.liveness.path for c in containers if c.liveness is not None]
    return {p.value for p in paths if p is not None}


def _asking(function: Function, depth: int) -> Iterator[Call]:
    for call in function.calls:
        if (call.name or "").startswith(ASKING) and call.method in METHODS:
            yield call
        target = call.target
        if target is not None and depth < DEEPEST and target.node is not function.node:
            yield from _asking(target, depth + 1)


@rule.proof(needs=["redis"])
def it_fails_with_what_it_asks(bad: Served) -> None:
    assert bad.get("/").status_code == 200
    assert bad.get("/livez").status_code == 500
