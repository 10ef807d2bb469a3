"""The server in the container can be reached from inside only

uvicorn, gunicorn, hypercorn and `fastapi dev` listen on 127.0.0.1 unless they are told otherwise. In a container that is
the container's own loopback: neither a published port nor another service gets through, every connection is refused.

## Use instead
`--host 0.0.0.0` (gunicorn: `--bind 0.0.0.0:8000`), or `fastapi run`, which does so by itself.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import Program, ServerCommand
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/deployment/docker/"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                CMD ["uvicorn", "main:app"]
                """,
            },
            fixed={
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    image: leads:1.0
                    command: gunicorn main:app -k uvicorn_worker.UvicornWorker --bind 127.0.0.1:8000  # finding
                    ports: ["80:8000"]
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
                    command: uvicorn main:app --host 0.0.0.0
                  host:
                    build: .
                    network_mode: host
                  told:
                    build: .
                    environment:
                      UVICORN_HOST: 0.0.0.0
                  socket:
                    build: .
                    command: uvicorn main:app --uds /run/api.sock
                  run:
                    build: .
                    command: fastapi run main.py
                  variable:
                    build: .
                    command: uvicorn main:app --host ${HOST:-127.0.0.1}
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "api.service": """
                [Service]
                ExecStart=/srv/bin/uvicorn main:app
                """,
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
                          image: leads:1.0
                          command: ["uvicorn", "main:app"]
                        - name: nginx
                          image: nginx:1.28
                """,
            }
        ),
    ],
)

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  what the fix writes; nothing listens here
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})


@rule.check
def commands(command: ServerCommand) -> Iterator[Finding]:
    host = command.host
    if not command.production or not command.is_container or not host.known or not host.certain:
        return
    if command.program is Program.FASTAPI_DEV and host.is_default:
        return  # `reload-in-production` names both
    if host.value not in LOOPBACK or command.uds.value or command.setting("fd").value or _shares_network(command):
        return
    by_default = ", its default," if host.is_default else ""
    yield Finding(
        f"`{command.program}` listens on {host.value}{by_default} inside the container: neither a published port nor "
        "another service reaches it. Listen on 0.0.0.0.",
        command.location,
        fix=_fix(command),
    )


def _shares_network(command: ServerCommand) -> bool:
    """Whether somebody else has the same loopback: the host, or another container of the pod."""
    if command.service and (command.service.network_mode or command.service.partial):
        return True
    workload = command.workload
    return workload is not None and (workload.host_network or len(workload.containers) > 1)


def _fix(command: ServerCommand) -> Fix | None:
    told = command.program is Program.UVICORN and command.host.is_default
    edit = command.with_option("--host", EVERY_ADDRESS) if told else None
    return Fix("Listen on every address of the container", (edit,)) if edit else None


@rule.proof
def another_address_of_the_machine_is_refused(bad: Served) -> None:
    printed = bad.run(STARTED_AS_IN_THE_DOCKERFILE)

    assert "127.0.0.1 True" in printed
    assert "127.0.0.2 False" in printed


STARTED_AS_IN_THE_DOCKERFILE = """
import json, socket, subprocess, sys, time
words = json.loads(open("Dockerfile").read().partition("CMD ")[2])
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen([sys.executable, "-m", *words, "--port", str(port)])
def reached(host):
    with socket.socket() as client:
        return client.connect_ex((host, port)) == 0
try:
    for _ in range(100):
        if reached("127.0.0.1"):
            break
        time.sleep(0.1)
    for host in ("127.0.0.1", "127.0.0.2"):
        print(host, reached(host))
finally:
    server.terminate()
    server.wait(10)
"""
