"""Migration run by every container that starts

`alembic upgrade head` stands before the server in the same command, and the service has several replicas: all of them
migrate at the same time, and a rolling update migrates while the old version still serves. Two upgrades at once fail
or apply half of a migration.

## Use instead
One job before the new version starts: a Kubernetes Job, an init service that the others wait for, a release command.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://alembic.sqlalchemy.org/en/latest/tutorial.html#running-our-first-migration"],
    unproven="needs a database server and several containers that start together",
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "compose.yaml": """
                services:
                  api:
                    image: example/api:1.2.3
                    # finding
                    command: sh -c "alembic upgrade head && exec uvicorn main:app --host 0.0.0.0"
                    deploy:
                      replicas: 3
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "compose.yaml": """
                services:
                  migrate:
                    image: example/api:1.2.3
                    command: alembic upgrade head
                  api:
                    image: example/api:1.2.3
                    command: uvicorn main:app --host 0.0.0.0
                    deploy:
                      replicas: 3
                  single:
                    image: example/single:1.2.3
                    command: sh -c "alembic upgrade head && exec uvicorn main:app --host 0.0.0.0"
                """,
            }
        ),
    ],
)


@rule.check
def migrating(command: ServerCommand) -> Iterator[Finding]:
    before = next((c for c in command.beforehand if c.name == "alembic" and "upgrade" in c.arguments), None)
    replicas = replicas_of(command)
    if before is None or not command.production or replicas <= 1:
        return
    yield Finding(
        f"Each of {replicas} replicas runs `alembic upgrade` before it serves, all at the same time. Migrate once, in a job of its "
        "own.",
        before.text.location,
    )


def replicas_of(command: ServerCommand) -> int:
    owner = command.service or command.workload
    written = owner.replicas if owner is not None else None
    return int(written.value) if written is not None and written.value.isdigit() else 1
