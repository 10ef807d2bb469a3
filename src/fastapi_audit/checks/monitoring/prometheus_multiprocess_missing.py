"""Several workers, each with metrics of its own

Each worker process counts for itself, and a scrape is answered by whichever worker takes the connection: measured with
4 workers and 400 requests, six scrapes read 139, 139, 121, 25, 25, 121. Counters seem to go backwards and `rate()` is
nonsense.

## Use instead
Set `PROMETHEUS_MULTIPROC_DIR` to a folder that is emptied at start, and read it with `MultiProcessCollector`; or run
one worker in each container and let the orchestrator scale.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import ExportedMetrics, Project
from fastapi_audit.evidence.deployment import ServerCommand
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity, Undecided

LIBRARIES = ("prometheus_client", "prometheus_fastapi_instrumentator", "starlette_exporter")
SHOWN = 12
"""Values of a counter that a report shows, the last ones."""
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
SET = re.compile(
    r"environ(\.setdefault\(|\[)[\"']PROMETHEUS_MULTIPROC_DIR[\"'](\]\s*=|,)|raw_env.*PROMETHEUS_MULTIPROC_DIR",
    re.IGNORECASE,
)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=["https://prometheus.github.io/client_python/multiprocess/"],
    unproven="needs several worker processes and the kernel's choice among them, which a test cannot steer",
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from prometheus_fastapi_instrumentator import Instrumentator

                app = FastAPI()
                Instrumentator().instrument(app).expose(app)
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                # finding
                CMD ["uvicorn", "main:app", "--workers", "4"]
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from prometheus_fastapi_instrumentator import Instrumentator

                app = FastAPI()
                Instrumentator().instrument(app).expose(app)
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                ENV PROMETHEUS_MULTIPROC_DIR=/tmp/metrics
                COPY . .
                CMD ["uvicorn", "main:app", "--workers", "4"]
                """,
            },
            live=False,
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from prometheus_fastapi_instrumentator import Instrumentator

                app = FastAPI()
                Instrumentator().instrument(app).expose(app)
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                CMD ["uvicorn", "main:app"]
                """,
            },
            decided=False,
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                CMD ["uvicorn", "main:app", "--workers", "4"]
                """,
            },
            decided=False,
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from prometheus_fastapi_instrumentator import Instrumentator

                app = FastAPI()
                Instrumentator().instrument(app).expose(app)
                """,
                "gunicorn.conf.py": """
                import os

                workers = 4
                worker_class = "uvicorn_worker.UvicornWorker"
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = "/tmp/metrics"
                """,
                "Procfile": """
                web: gunicorn main:app
                """,
            },
            live=False,
        ),
    ],
)


@rule.check
def separate_counts(command: ServerCommand, project: Project) -> Iterator[Finding]:
    processes = command.processes
    if not command.production or processes is None or processes <= 1 or command.variable(VARIABLE) is not None:
        return
    modules = project.source.application_modules
    if not any(m.imports_any(*LIBRARIES) for m in modules) or is_set_by_code(command, project):
        return
    yield Finding(
        f"{processes} workers each count for themselves, and a scrape reads one of them by chance: counters jump back and forth. "
        f"Set `{VARIABLE}`, or run one worker in each container.",
        command.location,
    )


@rule.check
def on_the_wire(metrics: ExportedMetrics) -> Iterator[Finding | Undecided]:
    if metrics.jump and metrics.scrape:
        values = ", ".join(f"{value:g}" for value in metrics.jump.values[-SHOWN:])
        yield Finding(
            "Counters fall and come back from scrape to scrape: each worker counts for itself, and any of them may answer. Set "
            f"`{VARIABLE}`, or run one worker in each container.",
            observations=(metrics.scrape.observation(f"`{metrics.jump.name}` in the order of the scrapes: {values}"),),
        )
    elif why := metrics.unreadable or metrics.alone:
        yield Undecided(why)


def is_set_by_code(command: ServerCommand, project: Project) -> bool:
    paths = [m.path for m in project.source.application_modules]
    if command.config is not None:
        paths.append(command.config.location.path)
    return any(SET.search(project.text(path) or "") for path in paths)
