"""Pod that is stopped while requests still come

When Kubernetes stops a pod, it sends SIGTERM and takes the pod out of the endpoints at the same time. The proxies of the
nodes learn of it seconds later; the server closes its port at once. Measured: right after SIGTERM new connections are
refused, while the open request is still answered. Every release so costs requests, on each pod that is replaced.

## Use instead
`lifecycle.preStop` that sleeps a few seconds: SIGTERM comes only when nobody sends requests here any more.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

ROLLED_OUT = frozenset({"Deployment", "Rollout", "StatefulSet"})
DRAIN = '{preStop: {exec: {command: [sleep, "5"]}}}'

MAIN = """
import asyncio

from fastapi import FastAPI

app = FastAPI()


@app.get("/slow")
async def slow() -> str:
    await asyncio.sleep(2)
    return "answered"
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination"],
    examples=[
        Bad(
            {
                "main.py": MAIN,
                "deployment.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata:
                  name: api
                spec:
                  replicas: 2
                  template:
                    spec:
                      containers:
                        # finding
                        - name: api
                          image: leads:1.0
                          command: [uvicorn, "main:app", --host, 0.0.0.0]
                """,
            },
            fixed={
                "main.py": MAIN,
                "deployment.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata:
                  name: api
                spec:
                  replicas: 2
                  template:
                    spec:
                      containers:
                        - name: api
                          lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
                          image: leads:1.0
                          command: [uvicorn, "main:app", --host, 0.0.0.0]
                """,
            },
        ),
        Good(
            {
                "main.py": MAIN,
                "deployment.yaml": """
                apiVersion: apps/v1
                kind: Deployment
                metadata:
                  name: api
                spec:
                  template:
                    spec:
                      containers:
                        - name: api
                          image: leads:1.0
                          command: [uvicorn, "main:app", --host, 0.0.0.0]
                          lifecycle:
                            preStop:
                              sleep:
                                seconds: 5
                """,
                "job.yaml": """
                apiVersion: batch/v1
                kind: Job
                metadata:
                  name: once
                spec:
                  template:
                    spec:
                      containers:
                        - name: once
                          image: leads:1.0
                          command: [uvicorn, "main:app", --host, 0.0.0.0]
                """,
            }
        ),
    ],
)


@rule.check
def undrained(command: ServerCommand) -> Iterator[Finding]:
    workload, container = command.workload, command.container
    if workload is None or container is None or not command.production or workload.kind not in ROLLED_OUT:
        return
    # A proxy beside it may be what gets the requests, and drain itself.
    if len(workload.containers) > 1 or container.pre_stop is not None:
        return
    edit = container.added("lifecycle", DRAIN)
    yield Finding(
        f"each release cuts off requests: `{container.name}` closes its port with SIGTERM, before the nodes stop sending to it. "
        "Sleep a few seconds in `lifecycle.preStop`",
        container.location,
        fix=Fix("Wait before the server is told to stop", (edit,)) if edit else None,
    )


@rule.proof
def connections_are_refused_while_it_still_answers(bad: Served) -> None:
    """The open request is answered; a new one right after SIGTERM is not. With `preStop` the signal comes 5 s later."""
    printed = bad.run(STOPPED)
    assert "new: refused" in printed
    assert "open: answered" in printed


STOPPED = """
import signal, socket, subprocess, sys, threading, time, urllib.request
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen([sys.executable, "-m", "uvicorn", "main:app", "--port", str(port)])
def reached():
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
def ask():
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/slow") as reply:
        print("open:", reply.read().decode().strip('"'), flush=True)
try:
    while not reached():
        time.sleep(0.1)
    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    if "preStop" not in open("deployment.yaml").read():
        server.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    print("new:", "reached" if reached() else "refused", flush=True)
    asking.join()
finally:
    server.kill()
    server.wait(10)
"""
