"""The entrypoint script does not hand over to the server

A script that ends in `uvicorn …` waits as process 1 for the server, whatever shell runs it, and passes no signal on: at
`docker stop` the server never hears the SIGTERM, is killed after the grace period, open requests are cut off and the
code after `yield` in the lifespan never runs.

## Use instead
`exec uvicorn …` as the last command: the server then takes the place of the shell.
"""

from collections.abc import Iterator

from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

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
    references=["https://docs.docker.com/build/building/best-practices/#entrypoint"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                COPY entrypoint.sh .
                ENTRYPOINT ["./entrypoint.sh"]
                """,
                "entrypoint.sh": """
                #!/bin/sh
                set -e
                echo migrating
                # finding
                uvicorn main:app --port 0
                """,
            },
            fixed={
                "entrypoint.sh": """
                #!/bin/sh
                set -e
                echo migrating
                exec uvicorn main:app --port 0
                """,
            },
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                ENTRYPOINT ["./entrypoint.sh"]
                CMD ["uvicorn", "main:app"]
                """,
                "entrypoint.sh": """
                #!/bin/bash
                alembic upgrade head
                exec "$@"
                """,
                "start.sh": """
                #!/bin/sh
                exec uvicorn main:app
                """,
                "worker/Dockerfile": """
                FROM python:3.12-slim
                CMD ["sh", "start.sh"]
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "scripts/dev.sh": """
                #!/bin/sh
                uvicorn main:app --reload
                """,
            }
        ),
    ],
)


@rule.check
def commands(command: ServerCommand) -> Iterator[Finding]:
    if not command.production or not command.is_container or not command.hops:
        return
    hop = command.hops[-1]
    if not hop.is_script or hop.passes_signals is not False:
        return
    whole = hop.command
    simple = whole.final and not whole.piped and not whole.background
    fix = Fix("Let the server replace the script", (whole.words[0].preceded_by("exec "),), safe=True)
    yield Finding(
        f"The script stays process 1 and keeps the SIGTERM from `{command.program}`: it is killed after the grace period, "
        "open requests are cut off and the lifespan never ends. Start it with `exec`.",
        command.location,
        fix=fix if simple else None,
    )


@rule.proof
def the_signal_ends_with_the_script(bad: Served) -> None:
    printed = bad.run(STOPPED_LIKE_A_CONTAINER)

    assert "Uvicorn running" in printed
    assert "closed everything" not in printed


STOPPED_LIKE_A_CONTAINER = """
import os, signal, subprocess, sys, time
os.mkdir("bin")
with open("bin/uvicorn", "w") as file:
    file.write(f'#!/bin/sh\\nexec {sys.executable} -m uvicorn "$@"\\n')
os.chmod("bin/uvicorn", 0o755)
environment = {**os.environ, "PATH": os.path.abspath("bin") + os.pathsep + os.environ["PATH"]}
with open("log", "w+") as log:
    first = subprocess.Popen(["sh", "entrypoint.sh"], env=environment, stdout=log, stderr=log, start_new_session=True)
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
