"""The server runs as root in its container

Whoever gets to run code through the service is root in the container then: free to change its files and install tools,
and one hole in the kernel or one mounted socket away from the host.

## Use instead
`USER 10001` before `CMD`, a number, so that Kubernetes can check `runAsNonRoot`; give it the folders that it must write.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import Image, ServerCommand
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-250",
    references=["https://docs.docker.com/build/building/best-practices/#user"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                # finding
                FROM python:3.12-slim
                COPY . .
                CMD ["uvicorn", "main:app"]
                """,
            },
            fixed={
                "Dockerfile": """
                FROM python:3.12-slim
                COPY . .
                USER 10001
                CMD ["uvicorn", "main:app"]
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim AS build
                USER 10001

                # finding
                FROM python:3.12-slim
                USER 10001
                RUN make
                USER root
                ENTRYPOINT ["uvicorn", "main:app"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim AS base
                USER app

                FROM base
                CMD ["uvicorn", "main:app"]
                """,
                "by_variable/Dockerfile": """
                FROM python:3.12-slim
                USER $UID
                CMD ["uvicorn", "main:app"]
                """,
                "distroless/Dockerfile": """
                FROM gcr.io/distroless/python3-debian12:nonroot
                CMD ["-m", "uvicorn", "main:app"]
                """,
                "stepping_down/Dockerfile": """
                FROM python:3.12-slim
                RUN apt-get update && apt-get install -y gosu
                CMD ["gosu", "app", "uvicorn", "main:app"]
                """,
                "library/Dockerfile": """
                FROM python:3.12-slim
                RUN pip wheel .
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app"]
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    user: "10001"
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app"]
                """,
                "k8s/api.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: api}
                spec:
                  selector: {matchLabels: {app: api}}
                  template:
                    metadata: {labels: {app: api}}
                    spec:
                      securityContext: {runAsNonRoot: true, runAsUser: 10001}
                      containers:
                        - {name: api, image: example/leads:1.4}
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                RUN apt-get update && apt-get install -y gosu
                COPY entrypoint.sh /usr/local/bin/
                ENTRYPOINT ["entrypoint.sh"]
                CMD ["uvicorn", "main:app"]
                """,
            }
        ),
    ],
    unproven="It takes a container; what root may do in it is the kernel's doing, not FastAPI's.",
)

STEPPING_DOWN = frozenset({"gosu", "su-exec", "setpriv", "runuser", "s6-setuidgid", "sudo"})
ROOT_BASES = frozenset({"python", "debian", "ubuntu", "alpine", "uv", "tiangolo", "bullseye", "bookworm"})
"""Images that are known to begin as root."""


@rule.check
def images(image: Image, project: Project) -> Iterator[Finding]:
    commands = [c for c in project.deployment.production_commands if c.image is not None and c.image.path == image.path]
    stage = image.final
    if not image.production or stage.runs_as_root is not True or not commands or all(map(_steps_down, commands)):
        return
    if not STEPPING_DOWN.isdisjoint(stage.system_packages):
        return
    known = stage.user is not None or stage.base.base_name in ROOT_BASES
    fix = Fix("Run as another user", (stage.command.text.line_before("USER 10001"),)) if stage.command else None
    yield Finding(
        "Nothing in this image changes the user: the server runs as root, and so does whoever gets to run code through "
        "it. Add `USER 10001` before the command.",
        image.location,
        fix=fix if stage.user is None and stage.entrypoint is None else None,
        confidence=None if known else Confidence.LOW,
    )


def _steps_down(command: ServerCommand) -> bool:
    """Whether this way of starting it chooses another user."""
    if any(wrapper.partition(" ")[0] in STEPPING_DOWN for wrapper in command.wrappers):
        return True
    if command.service:
        return command.service.user is not None and command.service.user.value.partition(":")[0] not in {"root", "0"}
    workload, container = command.workload, command.container
    if workload is None or container is None:
        return False
    users = (container.run_as_user, workload.run_as_user)
    return bool(container.run_as_non_root or workload.run_as_non_root or any(users))
