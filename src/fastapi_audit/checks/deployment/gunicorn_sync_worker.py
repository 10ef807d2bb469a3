"""Gunicorn runs an ASGI application with a worker for WSGI

Without `--worker-class` gunicorn takes its `sync` worker, which calls the application as WSGI: every request answers 500
with `TypeError: FastAPI.__call__() missing 1 required positional argument: 'send'`. The master stays up, so that
nothing restarts it.

## Use instead
`--worker-class uvicorn_worker.UvicornWorker` from the package `uvicorn-worker`, or no gunicorn at all:
`uvicorn main:app --workers 4`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def read() -> str:
    return "ok"
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://uvicorn.dev/deployment/#gunicorn"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "requirements.txt": """
                fastapi
                gunicorn
                """,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                CMD ["gunicorn", "main:app", "--workers", "2"]
                """,
            },
            fixed={
                "requirements.txt": """
                fastapi
                gunicorn
                uvicorn-worker
                """,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["gunicorn", "main:app", "--workers", "2", "--worker-class", "uvicorn_worker.UvicornWorker"]
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "Procfile": """
                # finding
                web: gunicorn main:app
                """,
                "gunicorn.conf.py": """
                worker_class = "gthread"
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "compose.yaml": """
                services:
                  api:
                    image: leads:1.0
                    command: gunicorn main:app -k uvicorn_worker.UvicornWorker
                  native:
                    image: leads:1.0
                    command: gunicorn main:app --worker-class=asgi
                  elsewhere:
                    image: leads:1.0
                    command: gunicorn main:app -c /etc/gunicorn/settings.py
                  arguments:
                    image: leads:1.0
                    command: gunicorn main:app -k uvicorn.workers.UvicornH11Worker
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "legacy.py": """
                from flask import Flask

                app = Flask(__name__)
                """,
                "adapted.py": """
                from a2wsgi import ASGIMiddleware
                from main import app as service

                app = ASGIMiddleware(service)
                """,
                "Procfile": """
                web: gunicorn main:app
                admin: gunicorn legacy:app --worker-class gthread
                wsgi: gunicorn adapted:app --worker-class sync
                """,
                "gunicorn.conf.py": """
                worker_class = "uvicorn_worker.UvicornWorker"
                """,
            }
        ),
        Bad(
            {
                "main.py": APP,
                "requirements.txt": """
                fastapi
                gunicorn
                uvicorn-worker
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: gunicorn main:app  # finding
                """,
            },
            fixed={
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: gunicorn main:app --worker-class uvicorn_worker.UvicornWorker
                """,
            },
        ),
    ],
)

WORKER = "uvicorn_worker.UvicornWorker"
OTHER_INTERFACES = ("flask", "django", "a2wsgi", "asgiref.wsgi", "dash", "bottle", "werkzeug")


@rule.check
def commands(command: ServerCommand, project: Project) -> Iterator[Finding]:
    if command.speaks_asgi is not False or not command.worker_class.known or not _serves_fastapi(command, project):
        return
    worker = command.worker_class.value
    chosen = f"`{worker}`, gunicorn's default," if command.worker_class.is_default else f"`{worker}`"
    yield Finding(
        f"gunicorn serves `{command.target.value}` with {chosen} which speaks WSGI: every request answers 500 with a "
        f"TypeError about `send`. Add `--worker-class {WORKER}`.",
        command.location,
        fix=_fix(command, project),
    )


def _serves_fastapi(command: ServerCommand, project: Project) -> bool:
    """Whether the target is a module of the application that has to do with ASGI only."""
    name = (command.target.value or "").partition(":")[0]
    modules = project.source.application_modules if name else []
    return any(module.is_called(name) and not module.imports_any(*OTHER_INTERFACES) for module in modules)


def _fix(command: ServerCommand, project: Project) -> Fix | None:
    """Names the worker on the command line and asks for its package, where both have a plain place."""
    requirements = project.deployment.requirements
    asked = next((r.text for r in requirements.of("gunicorn") if r.text.path.endswith(".txt")), None)
    named = command.with_option("--worker-class", WORKER)
    if not command.worker_class.is_default or named is None:
        return None
    if requirements.asks_for("uvicorn-worker"):
        return Fix("Use the worker of uvicorn", (named,))
    return Fix("Use the worker of uvicorn", (named, asked.next_line("uvicorn-worker"))) if asked else None


@rule.proof(needs=("gunicorn", "uvicorn-worker"))
def every_request_answers_500(bad: Served) -> None:
    printed = bad.run(STARTED_AS_IN_THE_DOCKERFILE)

    assert "answered 500" in printed
    assert "missing 1 required positional argument: 'send'" in printed


STARTED_AS_IN_THE_DOCKERFILE = """
import json, socket, subprocess, sys, time, urllib.error, urllib.request
words = json.loads(open("Dockerfile").read().partition("CMD ")[2])
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
server = subprocess.Popen([sys.executable, "-m", *words, "--bind", address, "--no-control-socket"])
try:
    for _ in range(100):
        try:
            print("answered", urllib.request.urlopen(f"http://{address}/", timeout=5).status)
            break
        except urllib.error.HTTPError as error:
            print("answered", error.code)
            break
        except OSError:
            time.sleep(0.1)
finally:
    server.terminate()
    server.wait(10)
"""
