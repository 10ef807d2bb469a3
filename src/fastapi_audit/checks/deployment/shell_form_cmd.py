"""A shell stands between the container and the server

A command in shell form runs as `/bin/sh -c "…"`. The shell of Debian images, dash, stays process 1 and passes no signal
on: at `docker stop` or a rolling update the server never hears the SIGTERM, is killed after the grace period, open
requests are cut off and the code after `yield` in the lifespan never runs. Neither tini nor `init: true` helps.

## Use instead
The exec form, `CMD ["uvicorn", "main:app"]`; where variables are needed, `CMD ["sh", "-c", "exec uvicorn …"]`.
"""

import json
import re
from collections.abc import Iterator

from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Confidence, Edit, Finding, Fix, Good, Rule, Served, Severity

APP = """
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    print("closed everything", flush=True)

app = FastAPI(lifespan=lifespan)
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://docs.docker.com/reference/build-checks/json-args-recommended/"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                CMD uvicorn main:app --host 0.0.0.0 --port 8000
                """,
            },
            fixed={
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                CMD ["sh", "-c", "alembic upgrade head && uvicorn main:app --port ${PORT:-8000}"]
                """,
            },
            fixed={
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["sh", "-c", "alembic upgrade head && exec uvicorn main:app --port ${PORT:-8000}"]
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    init: true
                    command: sh -c "uvicorn main:app | tee /var/log/api.log"  # finding
                """,
            },
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim AS old
                CMD uvicorn main:app

                FROM python:3.12-slim
                RUN echo uvicorn main:app
                HEALTHCHECK CMD python -c "import urllib.request"
                CMD exec uvicorn main:app --port $PORT
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0
                  other:
                    build: .
                    command: ["sh", "-c", "alembic upgrade head && exec uvicorn main:app"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "docker/dev/Dockerfile": """
                FROM python:3.12-slim
                CMD uvicorn main:app --reload
                """,
                "Procfile": """
                web: uvicorn main:app --port $PORT
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.13-alpine
                # finding
                CMD uvicorn main:app --host 0.0.0.0
                """,
            },
            fixed={
                "Dockerfile": """
                FROM python:3.13-alpine
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]
                """,
            },
        ),
    ],
)

PLAIN = re.compile(r"[\w./:=@,+ -]+")
"""A command that means the same without a shell."""


@rule.check
def commands(command: ServerCommand) -> Iterator[Finding]:
    if not command.production or not command.is_container or not command.hops or command.hops[-1].is_script:
        return
    if command.only_by_optimisation:
        shell = command.hops[0].shell
        yield Finding(
            f"`{command.program}` gets its SIGTERM only because {shell} replaces itself with the last command; another "
            "base image would end that. Use the exec form.",
            command.location,
            severity=Severity.LOW,
            fix=_fix(command),
        )
    elif command.receives_signals is not True:
        known = command.receives_signals is False
        yield Finding(
            f"A shell is process 1 and keeps the SIGTERM from `{command.program}`: it is killed after the grace period, "
            "open requests are cut off and the lifespan never ends. Use the exec form, or `exec` before the command.",
            command.location,
            fix=_fix(command),
            confidence=None if known else Confidence.MEDIUM,
        )


def _fix(command: ServerCommand) -> Fix | None:
    """The exec form where the words mean the same without a shell, else `exec` before the last command."""
    line = command.line
    if line and line.shell and len(command.hops) == 1 and PLAIN.fullmatch(line.text.raw):
        return Fix("Use the exec form", (line.text.replaced(json.dumps(list(line.values))),), safe=True)
    edits = tuple(_replacing(command))
    return Fix("Let the server replace the shell", edits, safe=True) if edits else None


def _replacing(command: ServerCommand) -> Iterator[Edit]:
    """`exec` in each shell on the way; nothing where one of them has more to do."""
    missing = [hop.command for hop in command.hops if not hop.command.execd]
    if all(c.final and not (c.piped or c.background or c.conditional) for c in missing):
        yield from (c.words[0].preceded_by("exec ") for c in missing)


@rule.proof
def the_signal_ends_with_the_shell(bad: Served) -> None:
    printed = bad.run(STOPPED_LIKE_A_CONTAINER)

    assert "Uvicorn running" in printed
    assert "closed everything" not in printed


STOPPED_LIKE_A_CONTAINER = """
import json, os, signal, subprocess, sys, time
form = open("Dockerfile").read().partition("CMD ")[2].strip()
words = json.loads(form) if form.startswith("[") else ["dash", "-c", form]
path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
python = f"exec {sys.executable} -m uvicorn \\"$@\\""
os.mkdir("bin")
with open("bin/uvicorn", "w") as file:
    file.write(f"#!/bin/sh\\n{python}\\n")
os.chmod("bin/uvicorn", 0o755)
words = [word.replace("8000", "0") for word in words]
environment = {**os.environ, "PATH": os.path.abspath("bin") + os.pathsep + os.environ["PATH"]}
with open("log", "w+") as log:
    first = subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True)
    for _ in range(150):
        time.sleep(0.1)
        if "Uvicorn running" in open("log").read():
            break
    os.kill(first.pid, signal.SIGTERM)
    time.sleep(2)
    try:
        os.killpg(first.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
print(open("log").read())
"""
