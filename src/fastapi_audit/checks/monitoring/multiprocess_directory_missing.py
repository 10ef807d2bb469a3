"""Metrics directory that nothing makes

`PROMETHEUS_MULTIPROC_DIR` names the folder in which the workers share their counts. The library does not make it:
measured, the first metric raises `FileNotFoundError` while the module is imported, and no worker starts.

## Use instead
`RUN mkdir -p` in the Dockerfile, a `tmpfs` or `emptyDir` mounted there, or `os.makedirs` before anything is imported.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
LIBRARIES = ("prometheus_client", "prometheus_fastapi_instrumentator", "starlette_exporter")
THERE_ALREADY = frozenset({"/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run", "."})  # noqa: S108  names, nothing is written

MAIN = """
from fastapi import FastAPI
from prometheus_client import Counter

app = FastAPI()
LEADS = Counter("leads", "Leads")
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    confidence=Confidence.MEDIUM,
    references=["https://prometheus.github.io/client_python/multiprocess/"],
    examples=[
        Bad(
            {
                "main.py": MAIN,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                ENV PROMETHEUS_MULTIPROC_DIR=/srv/metrics
                # finding
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "4"]
                """,
            }
        ),
        Good(
            {
                "main.py": MAIN,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                ENV PROMETHEUS_MULTIPROC_DIR=/srv/metrics
                RUN mkdir -p /srv/metrics
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "4"]
                """,
            }
        ),
        Good(
            {
                "main.py": MAIN,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                ENV PROMETHEUS_MULTIPROC_DIR=/srv/metrics
                COPY entrypoint.sh /
                ENTRYPOINT ["/entrypoint.sh"]
                """,
                "entrypoint.sh": """
                #!/bin/sh
                mkdir -p "$PROMETHEUS_MULTIPROC_DIR"
                exec uvicorn main:app --host 0.0.0.0 --workers 4
                """,
            }
        ),
        Good(
            {
                "main.py": MAIN,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                ENV PROMETHEUS_MULTIPROC_DIR=/tmp
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "4"]
                """,
            }
        ),
    ],
)


@rule.check
def never_made(command: ServerCommand, project: Project) -> Iterator[Finding]:
    variable = command.variable(VARIABLE)
    folder = variable.value if variable is not None else None
    if not command.production or not command.is_container or not folder or "$" in folder:
        return
    if folder.rstrip("/") in THERE_ALREADY or not any(
        m.imports_any(*LIBRARIES) for m in project.source.application_modules
    ):
        return
    if is_named_again(folder.rstrip("/"), project):
        return
    yield Finding(
        f"Nothing makes `{folder}`, where `{VARIABLE}` lets the workers share their counts: the first metric raises "
        "`FileNotFoundError`, and no worker starts. Make it in the image.",
        command.location,
    )


def is_named_again(folder: str, project: Project) -> bool:
    """Whether any file speaks of the folder or of the variable beside setting it: it may make it."""
    texts = [project.text(path) or "" for path in project.tree.paths]
    named = sum(text.count(folder) for text in texts)
    return named != 1 or sum(text.count(VARIABLE) for text in texts) != 1


@rule.proof(needs=("prometheus-client",))
def the_import_fails(bad: Served) -> None:
    """With the folder named and not there, the module cannot be imported."""
    printed = bad.run(f"import os; os.environ['{VARIABLE}'] = os.path.abspath('missing'); import main")
    assert "FileNotFoundError" in printed
