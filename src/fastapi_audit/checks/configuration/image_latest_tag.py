"""An image without a fixed version

`latest`, or no tag at all, means whatever was pushed last. Two machines run different builds under one name, a restart
upgrades the database by a major version, and there is nothing to go back to when a deployment fails.

## Use instead
The tag of a release, `leads:1.4.2`, or a digest. A variable keeps it in one place: `${TAG:?which version to run}`.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import Image, ImageReference, Service, Workload
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                # finding
                FROM python
                CMD ["uvicorn", "main:app"]
                """,
                "compose.yaml": """
                services:
                  api:
                    image: example/leads:latest  # finding
                  worker:
                    image: example/leads:${TAG:-latest}  # finding
                  db:
                    image: postgres  # finding
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "deploy/api.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata:
                  name: api
                spec:
                  template:
                    spec:
                      containers:
                        - name: api
                          image: registry.local:5000/leads  # finding
                          imagePullPolicy: Always
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.13.9-slim AS build
                FROM scratch AS files
                FROM build
                COPY --from=files / /
                CMD ["uvicorn", "main:app"]
                """,
                "worker/Dockerfile": """
                FROM leads
                CMD ["python", "-m", "worker"]
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    image: leads:latest
                  release:
                    image: example/leads:${TAG:?which version}
                  pinned:
                    image: redis@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
                  port:
                    image: registry.local:5000/leads:1.4
                """,
                "compose.dev.yaml": """
                services:
                  mail:
                    image: mailhog/mailhog:latest
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "k8s/overlays/dev/api.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: api}
                spec:
                  selector: {matchLabels: {app: api}}
                  template:
                    metadata: {labels: {app: api}}
                    spec:
                      containers:
                        - {name: api, image: example/leads:latest}
                """,
                "k8s/base/replicas.yaml": """
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
                          resources: {limits: {memory: 512Mi}}
                """,
            }
        ),
    ],
    unproven="It takes a registry whose tag moves between two pulls, and the docker that pulls it.",
)


@rule.check
def services(service: Service, project: Project) -> Iterator[Finding]:
    if service.production and service.image and not service.build and not _built_here(service.image, project):
        yield from _judged(service.image, f"service `{service.name}`")


@rule.check
def images(image: Image, project: Project) -> Iterator[Finding]:
    if image.production:
        for stage in image.stages:
            if stage.parent is None and not _built_here(stage.base, project):
                yield from _judged(stage.base, "a stage of the image")


@rule.check
def workloads(workload: Workload) -> Iterator[Finding]:
    if workload.production:
        for container in (*workload.containers, *workload.init_containers):
            if container.image:
                for found in _judged(container.image, f"container `{container.name}`"):
                    # A job ends by itself and is applied anew each time: no restart brings it another build.
                    yield replace(found, confidence=Confidence.LOW) if workload.is_job else found


def _built_here(reference: ImageReference, project: Project) -> bool:
    """Whether compose builds an image of this name, so that the name is only a local label."""
    services = project.deployment.services
    return any(s.build and s.image and s.image.repository == reference.repository for s in services)


def _judged(reference: ImageReference, user: str) -> Iterator[Finding]:
    if not reference.moves or reference.tag not in {None, "latest"}:
        return
    written = "has no tag" if reference.tag is None else "is tagged `latest`"
    if not reference.certain:
        written += " by default"
    yield Finding(
        f"`{reference.text.value}`, which {user} runs, {written}: each pull may bring another build, and there is "
        "nothing to roll back to. Name a version.",
        reference.location,
        severity=None if reference.certain else Severity.LOW,
    )
