"""The server reloads in production

`--reload` is for development: a second process watches the files and restarts the server, with everything it had open,
when one is written. `uvicorn --reload --workers 4` prints `"workers" flag is ignored when reloading is enabled.` and
serves with one process. `fastapi dev` reloads too, and listens on 127.0.0.1 only, which nobody outside the container
reaches.

## Use instead
Leave `--reload` out, and write `fastapi run` for `fastapi dev`. Keep reloading in a compose override for development.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project
from fastapi_audit.evidence.deployment import CommandLine, DecidedBy, Home, Program, ServerCommand, Setting
from fastapi_audit.rule import Bad, Confidence, Finding, Fix, Good, Rule, Served, Severity

APP = """
import os

from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def read() -> int:
    return os.getpid()
"""

RUNS_ITSELF = """
import uvicorn
from fastapi import FastAPI

app = FastAPI()

if __name__ == "__main__":
    uvicorn.run("main:app", host="0.0.0.0", reload=True)
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://uvicorn.dev/settings/#development", "https://fastapi.tiangolo.com/fastapi-cli/"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --reload --workers 4  # finding
                """,
            },
            fixed={
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --host 0.0.0.0 --workers 4
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                CMD ["fastapi", "dev", "main.py"]
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "Procfile": """
                # finding
                web: gunicorn main:app -k uvicorn_worker.UvicornWorker
                """,
                "gunicorn.conf.py": """
                reload = True
                """,
            },
        ),
        Good(
            {
                "main.py": APP,
                "run.sh": """
                uvicorn main:app --reload
                """,
                "start.sh": """
                if [ "$RELOAD" = "1" ]; then
                    exec uvicorn main:app --reload
                else
                    exec uvicorn main:app
                fi
                """,
                "worker/Dockerfile": """
                FROM python:3.12-slim
                CMD ["./start.sh"]
                """,
                "Dockerfile": """
                FROM python:3.12-slim AS dev
                CMD ["uvicorn", "main:app", "--reload"]

                FROM python:3.12-slim
                CMD ["fastapi", "run", "main.py"]
                """,
                "compose.override.yaml": """
                services:
                  api:
                    command: uvicorn main:app --reload
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                  debug:
                    build: .
                    profiles: [dev]
                    command: uvicorn main:app --reload
                """,
                "gunicorn.conf.py": """
                import os

                reload = os.environ["RELOAD"] == "1"
                """,
            }
        ),
        Bad(
            {
                "main.py": RUNS_ITSELF.replace("reload=True)", "reload=True)  # finding"),
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["python", "main.py"]
                """,
            }
        ),
        Good(
            {
                "main.py": RUNS_ITSELF,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app"]
                """,
            }
        ),
        Bad(
            {
                "app/main.py": RUNS_ITSELF.replace("reload=True)", "reload=True)  # finding"),
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: python -m app.main
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                CMD uvicorn main:app --host 0.0.0.0 \\
                    --reload
                EXPOSE 8000
                """,
            },
            fixed={
                "Dockerfile": """
                FROM python:3.12-slim
                CMD uvicorn main:app --host 0.0.0.0
                EXPOSE 8000
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command:
                      - uvicorn  # finding
                      - main:app
                      - --reload
                """,
            }
        ),
        Good(
            {
                "main.py": RUNS_ITSELF,
                "Dockerfile.dev": """
                FROM python:3.12-slim
                CMD ["python", "main.py"]
                """,
            }
        ),
    ],
)


@rule.check
def commands(command: ServerCommand) -> Iterator[Finding]:
    reload = command.reload
    if not command.production or reload.is_on is not True or command.home is Home.SCRIPT:
        return
    if any(hop.command.conditional for hop in command.hops):
        return
    if command.program is Program.FASTAPI_DEV:
        yield Finding(
            "`fastapi dev` watches the files and restarts, serves with one process and listens on 127.0.0.1, where nobody "
            "outside the container reaches it. Use `fastapi run`.",
            command.location,
        )
        return
    ignored = command.workers.number if command.program is Program.UVICORN else None
    yield Finding(
        f"`{command.program}` runs with reload on ({reload.decided_by}): a watcher restarts it whenever a file is written"
        + (f", and of {ignored} workers one runs" if ignored and ignored > 1 else "")
        + ". Leave it out in production.",
        command.location,
        fix=_fix(reload),
        confidence=None if reload.certain else Confidence.LOW,
    )


@rule.check(of=["uvicorn.run"])
def calls(call: Call, project: Project) -> Iterator[Finding]:
    reload = call.argument("reload")
    if reload is None or reload.constant is not True or not any(_runs(line, call) for line in _lines(project)):
        return
    yield reload.finding(
        "This file is what the container starts: uvicorn watches the files, restarts whenever one is written, and serves "
        "with one process. Leave `reload` out, or take it from a setting that is false by default.",
        severity=Severity.MEDIUM if reload.is_default else None,
    )


def _lines(project: Project) -> Iterator[CommandLine]:
    """Every command line that starts a container or a process in production."""
    deployment = project.deployment
    for image in deployment.images:
        if image.production:
            yield from (line for line in (image.final.entrypoint, image.final.command) if line)
    for service in deployment.production_services:
        yield from (line for line in (service.entrypoint, service.command) if line)
    yield from (process.line for process in deployment.processes if process.production)


def _runs(line: CommandLine, call: Call) -> bool:
    """Whether it is `python` with the file of the call, by path or by `-m`."""
    words = " ".join(line.values)
    found = PYTHON.search(words)
    if found is None:
        return False
    module, path = found["module"], (found["path"] or "").removeprefix("./").lstrip("/")
    if module:
        folder = module.replace(".", "/")
        return f"/{call.file.path}".endswith((f"/{folder}.py", f"/{folder}/__main__.py"))
    return call.file.path == path or call.file.path.endswith(f"/{path}") or path.endswith(f"/{call.file.path}")


PYTHON = re.compile(r"\bpython[\d.]*(?: -[uOBIsE]+)* (?:-m (?P<module>[\w.]+)|(?P<path>\S+\.py)\b)")


def _fix(reload: Setting) -> Fix | None:
    """Takes the switch out of a command line that is one string."""
    option = reload.option
    if reload.decided_by is not DecidedBy.CLI or option is None or option.raw != "--reload":
        return None
    # With the line that it may stand on alone: what is left of it would take in the line below.
    before = option.document.text[: option.start].rstrip(" \t\r\n\\")
    if before.endswith((",", "-", "[")) or len(before) == option.start:
        return None  # an element of a list
    return Fix("Serve without reload", (option.document.span(len(before), option.end).replaced(""),), safe=True)


@rule.proof
def one_process_serves_and_says_so(bad: Served) -> None:
    printed = bad.run(STARTED_AS_IN_THE_COMPOSE_FILE)

    assert "flag is ignored when reloading is enabled" in printed
    assert "Started reloader process" in printed


STARTED_AS_IN_THE_COMPOSE_FILE = """
import subprocess, sys, time
words = open("compose.yaml").read().partition("command: ")[2].partition("#")[0].split()
with open("log", "w+") as log:
    server = subprocess.Popen([sys.executable, "-m", *words, "--port", "0"], stdout=log, stderr=log)
    for _ in range(100):
        time.sleep(0.1)
        if "Application startup complete" in open("log").read():
            break
    server.terminate()
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.kill()
print(open("log").read())
"""
