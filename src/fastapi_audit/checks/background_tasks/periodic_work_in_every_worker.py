"""Periodic work that each worker starts

What the lifespan starts, every worker and every replica starts. With two workers the same job runs twice at the same
time: mails are sent twice, rows are counted twice, two clean-ups step on each other.

## Use instead
A process of its own for periodic work (a CronJob, Celery beat, arq), or a lock that one of the workers gets:
`pg_try_advisory_lock`, a Redis key with `NX`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

MAIN = """
    import asyncio
    import os
    from contextlib import asynccontextmanager

    from fastapi import FastAPI

    async def send_reminders() -> None:
        while True:
            print("reminders sent by", os.getpid(), flush=True)
            await asyncio.sleep(60)

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        running = asyncio.create_task(send_reminders()){mark}
        yield
        running.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def home() -> str:
        return "home"
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    references=[
        "https://fastapi.tiangolo.com/deployment/concepts/#replication-processes-and-memory",
        "https://apscheduler.readthedocs.io/en/3.x/faq.html",
    ],
    examples=[
        Bad(
            {
                "main.py": MAIN.format(mark="  # finding"),
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "2"]
                """,
            }
        ),
        Good(
            {
                "main.py": MAIN.format(mark=""),
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]
                """,
            }
        ),
        Good(
            {
                "main.py": """
                import asyncio
                from contextlib import asynccontextmanager

                from fastapi import FastAPI
                from redis.asyncio import Redis

                redis = Redis()

                async def send_reminders() -> None:
                    while True:
                        if await redis.set("reminders-lock", "1", nx=True, ex=50):
                            print("sent")
                        await asyncio.sleep(60)

                async def flush_metrics() -> None:
                    while True:
                        await asyncio.sleep(10)

                async def listen() -> None:
                    while True:
                        await redis.blpop("jobs")

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(send_reminders())
                        group.create_task(flush_metrics())
                        group.create_task(listen())
                        yield

                app = FastAPI(lifespan=lifespan)
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "2"]
                """,
            }
        ),
        Bad(
            {
                "main.py": """
                from contextlib import asynccontextmanager

                from apscheduler.schedulers.asyncio import AsyncIOScheduler
                from fastapi import FastAPI

                scheduler = AsyncIOScheduler()

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    scheduler.add_job(print, "interval", args=["reminders sent"], hours=1)
                    scheduler.start()  # finding
                    yield
                    scheduler.shutdown()

                app = FastAPI(lifespan=lifespan)
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "2"]
                """,
            }
        ),
        Good(
            {
                "main.py": """
                import asyncio
                from contextlib import asynccontextmanager

                from fastapi import FastAPI

                async def load_model() -> None:
                    await asyncio.sleep(1)

                async def report_heartbeat() -> None:
                    while True:
                        await asyncio.sleep(10)

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    loading = asyncio.create_task(load_model())
                    beating = asyncio.create_task(report_heartbeat())
                    yield
                    loading.cancel()
                    beating.cancel()

                app = FastAPI(lifespan=lifespan)
                """,
                "Dockerfile": """
                FROM python:3.13-slim
                COPY . .
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--workers", "2"]
                """,
            }
        ),
    ],
)

STARTERS = (
    "asyncio.create_task", "asyncio.ensure_future", "asyncio.EventLoop.create_task", "asyncio.TaskGroup.create_task",
    "anyio.abc.TaskGroup.start_soon",
)  # fmt: skip
SCHEDULERS = (
    "apscheduler.schedulers.asyncio.AsyncIOScheduler.start",
    "apscheduler.schedulers.background.BackgroundScheduler.start",
)
SLEEPS = ("asyncio.sleep", "anyio.sleep")
ALONE = re.compile(
    r"(^|_|\b)(lock|locked|leader|elect\w*|redlock|advisory|claim\w*|acquire|lease|nx|skip_locked)(_|\b|$)",
    re.IGNORECASE,
)
OF_PROCESS = re.compile(
    r"metric|heartbeat|cache|refresh|lag|monitor|flush|watch|reload|gauge|collect|stats|ping|keep_?alive|evict|prune|sync"
    r"|poll|listen|consum|subscri|local|memory|buffer|batch|pool|health|reconnect|token|session",
    re.IGNORECASE,
)
"""Names of work that each process does for itself."""


@rule.check(of=[*STARTERS, *SCHEDULERS])
def starts(call: Call, project: Project) -> Iterator[Finding]:
    total = next((t for t in project.deployment.worker_totals if t.least > 1), None)
    function = call.function
    if total is None or function is None or function.in_request is not None or function.reach is None:
        return
    if function.speaks_of(ALONE, depth=1):
        return
    if call.name in SCHEDULERS:
        what = "The scheduler"
    else:
        task = _periodic(call)
        if task is None:
            return
        what = f"`{task.name}`"
    yield call.finding(
        f"{what} runs in each of the {total.least} processes ({total.name}) at the same time, so its work is done {total.least} "
        "times. Give it a process of its own, or a lock that one of them gets."
    )


def _periodic(call: Call) -> Function | None:
    """The project function of an endless loop that sleeps between its rounds, and does not say that it is alone."""
    given = call.arguments[0] if call.arguments else None
    task = given.target if isinstance(given, Call) else given.defined_function if given is not None else None
    if task is None or OF_PROCESS.search(task.name) or task.speaks_of(ALONE, depth=2):
        return None
    sleeps = (c for c in task.calls_to(*SLEEPS) for loop in c.loops[-1:] if loop.is_while and _is_endless(loop.value))
    return task if next(sleeps, None) is not None else None


def _is_endless(test: object) -> bool:
    return getattr(test, "constant", None) in (True, 1)


@rule.proof(options=["--workers", "2"])
def two_processes_do_the_same(bad: Served) -> None:
    assert [bad.get("/").status_code for _ in bad.each_worker()] == [200, 200]
    bad.stop()
    assert len({line for line in bad.log.splitlines() if line.startswith("reminders sent by")}) == 2
