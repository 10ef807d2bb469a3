"""The number of workers follows the processors of the host

`multiprocessing.cpu_count()` counts the processors of the machine, whatever the container may use: with a limit of half a
processor on a host with 64, `cpu_count() * 2 + 1` starts 129 workers. Each brings its own memory and its own database
pool.

## Use instead
A number that is set for each deployment: `workers = int(os.environ["WEB_CONCURRENCY"])`, or one process for each
container and more containers.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import GunicornConfig
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

APP = """
from fastapi import FastAPI

app = FastAPI()
"""
DOCKERFILE = """
FROM python:3.12-slim
CMD ["gunicorn", "main:app", "-k", "uvicorn_worker.UvicornWorker"]
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://docs.python.org/3/library/os.html#os.cpu_count"],
    examples=[
        Bad(
            {
                "main.py": APP,
                "Dockerfile": DOCKERFILE,
                "gunicorn.conf.py": """
                import multiprocessing

                workers = multiprocessing.cpu_count() * 2 + 1  # finding
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": DOCKERFILE,
                "gunicorn.conf.py": """
                import os

                workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "api.service": """
                [Service]
                ExecStart=/srv/bin/gunicorn main:app -k uvicorn_worker.UvicornWorker
                """,
                "gunicorn.conf.py": """
                import multiprocessing

                workers = multiprocessing.cpu_count() * 2 + 1
                """,
            }
        ),
        Good(
            {
                "main.py": APP,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["gunicorn", "main:app", "-k", "uvicorn_worker.UvicornWorker", "--workers", "2"]
                """,
                "gunicorn.conf.py": """
                import multiprocessing

                workers = multiprocessing.cpu_count() * 2 + 1
                """,
            }
        ),
    ],
)


@rule.check
def configs(config: GunicornConfig, project: Project) -> Iterator[Finding]:
    workers = config.values.get("workers")
    if workers is None or not workers.counts_processors or not config.production or workers.variable:
        return
    using = [c for c in project.deployment.production_commands if c.config is not None and c.config.path == config.path]
    if any(c.is_container and (c.workers.text is None or c.workers.text.path == config.path) for c in using):
        yield Finding(
            f"`{workers.text.raw}` counts the processors of the host, not what the container may use: on a large host it "
            "starts dozens of workers, each with its own memory and database pool. Set a number.",
            workers.location,
        )


@rule.proof
def it_ignores_what_the_process_may_use(bad: Served) -> None:
    printed = bad.run(
        "import os, runpy\n"
        "before = runpy.run_path('gunicorn.conf.py')['workers']\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "print('workers', before == runpy.run_path('gunicorn.conf.py')['workers'] == os.cpu_count() * 2 + 1)\n"
        "print('usable', len(os.sched_getaffinity(0)))\n"
    )

    assert "workers True" in printed
    assert "usable 1" in printed
