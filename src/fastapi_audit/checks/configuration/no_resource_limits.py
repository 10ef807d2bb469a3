"""A service may take all memory of the host

Without a limit one leak, or one large upload, makes the kernel kill processes of the host's choice: often the database
on the same machine, not the service that leaks.

## Use instead
`deploy.resources.limits.memory` (plain `docker compose` honours it) or `mem_limit`; in Kubernetes `resources.limits`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    cwe="CWE-770",
    references=["https://docs.docker.com/reference/compose-file/deploy/#resources"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:  # finding
                    build: .
                    command: uvicorn main:app
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
                    deploy:
                      resources:
                        limits: { memory: 512M }
                  old:
                    build: .
                    command: uvicorn main:app
                    mem_limit: 512m
                  shell:
                    build: .
                    profiles: [tools]
                    command: uvicorn main:app
                """,
            }
        ),
    ],
    unproven="It takes a container and a host that runs out of memory.",
)


@rule.check
def commands(command: ServerCommand) -> Iterator[Finding]:
    service, container = command.service, command.container
    if not command.production:
        return
    if service and not service.partial and not service.profiles:
        if service.memory_limit is None and not ("deploy" in service.keys and service.body.get("deploy") is None):
            yield Finding(
                f"`{service.name}` may take all memory of the host, and the kernel then kills whatever it likes. Set "
                "`deploy.resources.limits.memory`.",
                service.location,
            )
    elif container and container.memory_limit is None:
        yield Finding(
            f"Container `{container.name}` has no memory limit: a leak takes the whole node. Set "
            "`resources.limits.memory`.",
            container.location,
        )
