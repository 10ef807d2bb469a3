"""Gunicorn is told to use the deprecated `uvicorn.workers`

The module still works, and says so only to those who switch deprecation warnings on, that `uvicorn-worker`
is to be used instead. With the release that removes it, gunicorn no longer starts.

## Use instead
`--worker-class uvicorn_worker.UvicornWorker` from the package `uvicorn-worker`, or `uvicorn --workers 4` alone.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Module, Project
from fastapi_audit.evidence.deployment import ServerCommand, Text
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://uvicorn.dev/deployment/#gunicorn"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "requirements.txt": """
                fastapi
                gunicorn
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: gunicorn main:app -w 4 -k uvicorn.workers.UvicornWorker  # finding
                """,
            },
            fixed={
                "requirements.txt": """
                fastapi
                gunicorn
                uvicorn-worker
                """,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: gunicorn main:app -w 4 -k uvicorn_worker.UvicornWorker
                """,
            },
        ),
        Bad(
            {
                "main.py": APP + "\nfrom uvicorn.workers import UvicornWorker  # finding\n",
                "gunicorn.conf.py": """
                worker_class = "uvicorn.workers.UvicornH11Worker"  # finding
                """,
                "Procfile": "web: gunicorn main:app",
            }
        ),
        Good(
            {
                "main.py": APP,
                "Procfile": """
                web: gunicorn main:app -k uvicorn_worker.UvicornWorker
                other: gunicorn main:app -k asgi
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
                    command: gunicorn main:app -w 4 -k uvicorn.workers.UvicornWorker  # finding
                """,
            },
            fixed={
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: gunicorn main:app -w 4 -k uvicorn_worker.UvicornWorker
                """,
            },
        ),
        Bad(
            {
                "main.py": APP,
                "requirements.txt": """
                fastapi
                gunicorn
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                ENV WORKER=uvicorn.workers.UvicornWorker
                # finding
                CMD exec gunicorn main:app -w 4 -k $WORKER
                """,
            }
        ),
    ],
)

OLD, NEW = "uvicorn.workers.", "uvicorn_worker."
MESSAGE = (
    "`uvicorn.workers` is deprecated, and gunicorn no longer starts once it is gone. Install `uvicorn-worker` and name "
    "`uvicorn_worker.UvicornWorker`."
)


@rule.check
def commands(command: ServerCommand, project: Project) -> Iterator[Finding]:
    worker = command.worker_class
    if command.production and worker.text and (worker.value or "").startswith(OLD):
        yield Finding(MESSAGE, worker.text.location, fix=_fix(worker.text, project))


@rule.check
def modules(module: Module) -> Iterator[Finding]:
    for statement in module.statements_of("import"):
        if any(name.startswith(OLD) or name == OLD.rstrip(".") for name in statement.imports):
            yield statement.finding(MESSAGE)


def _fix(written: Text, project: Project) -> Fix | None:
    """The new name, and its package where there is a list to add it to."""
    requirements = project.deployment.requirements
    if OLD not in written.raw:
        return None
    renamed = written.replaced(written.raw.replace(OLD, NEW))
    if requirements.asks_for("uvicorn-worker"):
        return Fix("Use the package uvicorn-worker", (renamed,), safe=True)
    asked = next((r.text for r in requirements.of("gunicorn") if r.text.path.endswith(".txt")), None)
    return Fix("Use the package uvicorn-worker", (renamed, asked.next_line("uvicorn-worker"))) if asked else None


@rule.proof(needs=("gunicorn",))
def importing_it_warns(bad: Served) -> None:
    printed = bad.run(
        "import importlib, pathlib, re, warnings\n"
        "warnings.simplefilter('error')\n"
        "name = re.search(r'[a-z_.]+(?=\\.UvicornWorker)', pathlib.Path('compose.yaml').read_text())[0]\n"
        "importlib.import_module(name)\n"
    )

    assert "DeprecationWarning: The `uvicorn.workers` module is deprecated" in printed
