"""Mail, payment or webhook in a background task

A background task lives in the worker's memory: SIGKILL, an out-of-memory kill or the end of the graceful time loses it,
after the client has read 200. It is not tried again, a failing task takes the ones behind it along, and tasks run one
after the other (five of 0.3 s took 1.5 s). Work that must happen needs a place that outlives the process.

## Use instead
A queue with its own workers (arq, Celery, taskiq, dramatiq), or a row in an outbox table that is written in the same
transaction.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/background-tasks/#caveat"],
    examples=[
        Bad(
            """
            from fastapi import BackgroundTasks, FastAPI

            def send_email(address: str) -> None:
                raise RuntimeError("the mail server is away")

            def notify(address: str) -> None:
                print("notified", address, flush=True)

            app = FastAPI()

            @app.post("/leads")
            def create(address: str, tasks: BackgroundTasks) -> str:
                tasks.add_task(send_email, address)  # finding
                tasks.add_task(notify, address)
                return "created"
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, FastAPI

            def write_access_log(line: str) -> None: ...

            def warm_cache(key: str) -> None: ...

            def enqueue_email(address: str) -> None: ...

            def send_event_metrics(name: str) -> None: ...

            app = FastAPI()

            @app.post("/leads")
            def create(tasks: BackgroundTasks) -> None:
                tasks.add_task(write_access_log, "created")
                tasks.add_task(warm_cache, "leads")
                tasks.add_task(enqueue_email, "a@example.com")
                tasks.add_task(send_event_metrics, "created")
            """
        ),
    ],
)

CRITICAL = re.compile(r"(^|_)(e?mails?|payments?|charge|invoices?|webhooks?|refund|payout)(_|$)")
SAFE = re.compile(r"(^|_)(log|audit|metrics?|cache|enqueue|queue|schedule|publish|track|event)(_|$)")


@rule.check(of=["fastapi.BackgroundTasks.add_task"])
def lost_with_the_process(call: Call) -> Iterator[Finding]:
    given = call.argument("func", 0)
    name = (given.written or "").rpartition(".")[2].lower() if given is not None else ""
    if not CRITICAL.search(name) or SAFE.search(name):
        return
    yield call.finding(
        f"`{name}` runs in the worker's memory after the answer: a kill, a deploy or an error before it loses it, and "
        "nobody tries again. Hand it to a queue or an outbox."
    )


@rule.proof
def a_failure_takes_the_next_task_along(bad: Served) -> None:
    assert bad.post("/leads?address=ada").status_code == 200
    bad.stop()
    assert "the mail server is away" in bad.log
    assert "notified" not in bad.log
