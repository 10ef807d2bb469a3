"""Kubernetes asks whether the pod lives, never whether it is ready

Without a `readinessProbe` a pod counts as ready as soon as its process exists: requests reach it while it still imports
and connects, and go on reaching it while its database is away. A `livenessProbe` does not help: it only restarts.

## Use instead
A `readinessProbe` on a route that answers 503 until the service can serve.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

MANIFEST = """
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: api
    spec:
      template:
        spec:
          containers:{mark}
            - name: api
              image: leads:1.0
              command: ["uvicorn", "main:app"]
              livenessProbe:
                httpGet: {{path: /livez, port: 8000}}
"""
READY = """
              readinessProbe:
                httpGet: {path: /readyz, port: 8000}
"""
APP = """
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/livez")
    async def livez() -> str:
        return "ok"

    @app.get("/readyz")
    async def readyz() -> str:
        return "ok"
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"],
    unproven="The claim is about what Kubernetes sends to a pod, which takes a cluster to show.",
    examples=[
        Bad({"main.py": APP, "deploy/api.yaml": MANIFEST.format(mark="\n            # finding")}),
        Good({"main.py": APP, "deploy/api.yaml": MANIFEST.format(mark="").rstrip() + READY}),
        Good(
            {
                "main.py": APP,
                "deploy/worker.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata:
                  name: worker
                spec:
                  template:
                    spec:
                      containers:
                        - name: worker
                          image: leads:1.0
                          command: ["celery", "-A", "leads", "worker"]
                          livenessProbe:
                            exec: {command: ["celery", "inspect", "ping"]}
                """,
            }
        ),
    ],
)


@rule.check
def commands(command: ServerCommand) -> Iterator[Finding]:
    container = command.container
    if not command.production or container is None or container.readiness is not None:
        return
    if container.liveness is not None or container.startup is not None:
        yield Finding(
            f"`{container.name}` has no `readinessProbe`: it gets requests while it still starts, and while what it needs "
            "is away. Add one on a route that answers 503 until it can serve.",
            container.location,
        )
