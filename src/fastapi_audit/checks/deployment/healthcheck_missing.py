"""Nobody asks the container whether it is well

Without a health check a container counts as running as long as its process exists: one whose event loop hangs, or whose
workers crash at every start, gets requests for ever. `uvicorn --workers 2` starts a worker that fails to import the
application again and again and never ends itself, so that no restart policy sees it.

## Use instead
`HEALTHCHECK` in the Dockerfile or `healthcheck:` in compose; in Kubernetes `livenessProbe` and `readinessProbe`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.docker.com/reference/compose-file/services/#healthcheck"],
    examples=[
        Bad(
            {
                "main.py": """
                import os

                from fastapi import FastAPI

                key = os.environ["A_VARIABLE_THAT_NOBODY_SETS"]
                app = FastAPI()
                """,
                "compose.yaml": """
                services:
                  api:  # finding
                    build: .
                    command: uvicorn main:app --workers 2
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
                        # finding
                        - name: api
                          image: leads:1.0
                          command: ["uvicorn", "main:app"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://localhost:8000/health')"]
                CMD ["uvicorn", "main:app"]
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                  own:
                    image: leads:1.0
                    command: uvicorn main:app
                    healthcheck:
                      test: ["CMD", "true"]
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
            }
        ),
    ],
)


@rule.check
def commands(command: ServerCommand) -> Iterator[Finding]:
    service, container = command.service, command.container
    if not command.production:
        return
    if service and not service.partial and not service.profiles:
        in_image = command.stage is not None and command.stage.healthcheck is not None
        known = command.stage is not None or service.command is not None or service.entrypoint is not None
        if known and not in_image and "healthcheck" not in service.keys:
            yield Finding(_message(service.name, "`healthcheck:`", command), service.location)
    elif container and not (container.liveness or container.readiness or container.startup):
        yield Finding(_message(container.name, "a `readinessProbe` and a `livenessProbe`", command), container.location)


def _message(name: str, remedy: str, command: ServerCommand) -> str:
    several = (command.processes or 1) > 1
    hidden = " Workers that crash at every start are started again for ever, and nothing sees it." if several else ""
    return f"Nobody asks `{name}` whether it is well: while its process exists it gets requests.{hidden} Add {remedy}."


@rule.proof
def workers_that_crash_are_started_for_ever(bad: Served) -> None:
    printed = bad.run(
        "import subprocess, sys, time\n"
        "words = open('compose.yaml').read().partition('command: ')[2].split()\n"
        "with open('log', 'w') as log:\n"
        "    server = subprocess.Popen([sys.executable, '-m', *words, '--port', '0'], stdout=log, stderr=log)\n"
        "    deadline = time.monotonic() + 20\n"
        "    while time.monotonic() < deadline and open('log').read().count('KeyError') < 3:\n"
        "        time.sleep(0.2)\n"
        "    print('ended with', server.poll())\n"
        "    server.terminate()\n"
        "    server.wait(10)\n"
        "print('crashed', open('log').read().count('KeyError'), 'times')\n"
    )

    assert "ended with None" in printed
    assert int(printed.partition("crashed ")[2].split()[0]) > 2
