"""A service that stays down after a crash

Compose restarts nothing by itself: after a crash, an out-of-memory kill or a reboot of the host the service is gone until
somebody notices.

## Use instead
`restart: unless-stopped`; for jobs that end, `restart: "no"` says that it is meant.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import Service, ServiceKind
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    # A compose file for developers is not always told by its name.
    confidence=Confidence.MEDIUM,
    references=["https://docs.docker.com/reference/compose-file/services/#restart"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:  # finding
                    image: leads:1.0
                    command: uvicorn main:app
                """,
            },
            fixed={
                "compose.yaml": """
                services:
                  api:
                    image: leads:1.0
                    restart: unless-stopped
                    command: uvicorn main:app
                """,
            },
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": """
                x-base: &base
                  restart: always

                services:
                  api:
                    <<: *base
                    image: leads:1.0
                    command: uvicorn main:app
                  swarm:
                    image: leads:1.0
                    command: uvicorn main:app
                    deploy:
                      replicas: 3
                  once:
                    image: leads:1.0
                    command: celery -A tasks call warm_up
                    restart: "no"
                  migrate:
                    image: leads:1.0
                    command: alembic upgrade head
                  prepare:
                    image: leads:1.0
                    command: celery -A tasks upgrade
                  worker:
                    image: leads:1.0
                    restart: on-failure
                    command: celery -A tasks worker
                    depends_on:
                      prepare: { condition: service_completed_successfully }
                  shell:
                    image: leads:1.0
                    profiles: [tools]
                    command: uvicorn main:app
                """,
            }
        ),
    ],
    unproven="It takes docker compose and a crash; what restarts a container is not part of FastAPI.",
)

LASTING = {ServiceKind.API: None, ServiceKind.WORKER: None}
STORES = (ServiceKind.POSTGRES, ServiceKind.MYSQL, ServiceKind.MONGO, ServiceKind.REDIS, ServiceKind.BROKER)


@rule.check
def services(service: Service, project: Project) -> Iterator[Finding]:
    lasting = service.kind in LASTING or service.kind in STORES
    if not service.production or service.partial or service.profiles or not lasting:
        return
    if not service.keys.isdisjoint({"restart", "deploy"}) or _ends(service, project):
        return
    edit = service.added("restart", "unless-stopped")
    yield Finding(
        f"Nothing restarts `{service.name}` after a crash, an out-of-memory kill or a reboot. Set `restart: "
        "unless-stopped`.",
        service.location,
        severity=None if service.kind in LASTING else Severity.LOW,
        fix=Fix("Restart it unless it was stopped", (edit,), safe=True) if edit else None,
    )


def _ends(service: Service, project: Project) -> bool:
    """Whether another service waits for its end."""
    waiting = (d for s in project.deployment.services if s.project == service.project for d in s.depends_on)
    return any(d.service == service.name and d.condition == "service_completed_successfully" for d in waiting)
