"""Pod stops listening before Kubernetes stops sending

Kubernetes sends SIGTERM and takes the pod off its services at the same time, and the second takes seconds to get around.
Uvicorn closes its socket at SIGTERM at once: what is still sent in between is refused, at every deploy.

## Use instead
`preStop: {sleep: {seconds: 5}}` (or `exec: sleep 5`): the pod goes on serving until nobody sends any more.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

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
              readinessProbe:
                httpGet: {{path: /slow, port: 8000}}
"""
PRE_STOP = """
              lifecycle:
                preStop:
                  exec: {command: ["sleep", "5"]}
"""
APP = """
    import asyncio

    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(1)
        return "done"
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=[
        "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/",
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
    ],
    examples=[
        Bad({"main.py": APP, "deploy/api.yaml": MANIFEST.format(mark="\n            # finding")}),
        Good({"main.py": APP, "deploy/api.yaml": MANIFEST.format(mark="").rstrip() + PRE_STOP}),
        Good(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    image: leads:1.0
                    command: uvicorn main:app
                """,
            }
        ),
    ],
)


@rule.check
def commands(command: ServerCommand) -> Iterator[Finding]:
    container, workload = command.container, command.workload
    if not command.production or container is None or workload is None or workload.is_job:
        return
    if container.pre_stop is None:
        yield Finding(
            f"`{container.name}` closes its socket at SIGTERM, while Kubernetes still sends requests to it for some seconds: "
            "they are refused at every deploy. Add a `preStop` that sleeps for about five seconds.",
            container.location,
        )


STOPPING = """
import socket, subprocess, sys, threading, time, urllib.request
free = socket.create_server(("127.0.0.1", 0))
port = free.getsockname()[1]
free.close()
server = subprocess.Popen([sys.executable, "-m", "uvicorn", "main:app", "--port", str(port), "--log-level", "error"])
def reaches():
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
while not reaches():
    time.sleep(0.05)
url = f"http://127.0.0.1:{port}/slow"
asking = threading.Thread(target=lambda: print("under way:", urllib.request.urlopen(url).status))
asking.start()
time.sleep(0.4)
server.terminate()
time.sleep(0.3)
print("alive:", server.poll() is None, "reached:", reaches())
asking.join()
server.wait(10)
"""


@rule.proof
def nobody_is_let_in_while_the_last_are_served(bad: Served) -> None:
    printed = bad.run(STOPPING)
    assert "alive: True reached: False" in printed
    assert "under way: 200" in printed
