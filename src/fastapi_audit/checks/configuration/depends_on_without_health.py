"""The service starts before its database accepts connections

`depends_on: [db]` waits until the container of the database has been started, not until it answers. On a first start
PostgreSQL takes seconds to set itself up; until then every connection is refused, and migrations or the lifespan fail.

## Use instead
`depends_on: { db: { condition: service_healthy } }`, and a `healthcheck` with `pg_isready` or `redis-cli ping` there.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import DependsOn, Service, ServiceKind
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.docker.com/compose/how-tos/startup-order/"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app
                    depends_on:
                      - db  # finding
                  worker:
                    build: .
                    command: celery -A tasks worker
                    depends_on:
                      redis:  # finding
                        condition: service_started
                  db:
                    image: postgres:17
                  redis:
                    image: redis:8
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app
                    depends_on:
                      db: { condition: service_healthy }
                      mail: { condition: service_started }
                  waiting:
                    build: .
                    command: ./wait-for-it.sh db:5432 -- uvicorn main:app
                    depends_on: [db]
                  nginx:
                    image: nginx:1.28
                    depends_on: [api]
                  db:
                    image: postgres:17
                    healthcheck:
                      test: pg_isready
                  mail:
                    image: example/mail:1.0
                """,
            }
        ),
    ],
    unproven="It takes docker compose and a database that needs its time on the first start.",
)

STARTED = frozenset({None, "service_started"})
WAITING = ("wait", "dockerize", "pg_isready", "nc ", "retry", "prestart")
RETRYING = ("tenacity", "backoff", "stamina", "retrying")


@rule.check
def services(service: Service, project: Project) -> Iterator[Finding]:
    if not service.production or service.kind not in {ServiceKind.API, ServiceKind.WORKER, ServiceKind.MIGRATION}:
        return
    if _waits(service, project):
        return
    retries = any(m.imports_any(*RETRYING) for m in project.source.application_modules)
    for dependency in service.depends_on:
        store = project.deployment.beside(service, dependency.service)
        if store and store.is_datastore and dependency.condition in STARTED:
            yield _finding(service, dependency, store, retries=retries)


def _waits(service: Service, project: Project) -> bool:
    """Whether what it starts looks for the database itself."""
    words = [word for line in (service.entrypoint, service.command) if line for word in line.values]
    for command in project.deployment.commands_of(service):
        words += [*command.wrappers, *(word.value for before in command.beforehand for word in before.words)]
    whole = " ".join(words).lower()
    return any(word in whole for word in WAITING)


def _finding(service: Service, dependency: DependsOn, store: Service, *, retries: bool) -> Finding:
    check = "" if store.healthcheck else " and give it a `healthcheck`"
    return Finding(
        f"`{service.name}` starts as soon as the container of `{store.name}` does, seconds before that answers. Wait for "
        f"`condition: service_healthy`{check}.",
        dependency.location,
        confidence=Confidence.LOW if retries else None,
    )
