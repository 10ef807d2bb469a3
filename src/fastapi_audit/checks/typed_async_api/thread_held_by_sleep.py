"""Handler that sleeps in a thread

Handlers declared with plain `def` share 40 threads. Each one that sleeps, or polls with `time.sleep`, holds one of them
without doing anything: measured, 40 requests of 0.3 s take 0.35 s, the 41st waits until 0.67 s, 80 take 1 s.

## Use instead
`async def` with `await asyncio.sleep(…)`, or a queue with workers for what takes long.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function, Reach
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

LONGEST_SECONDS = 1
DEEPEST = 3
"""Calls from the handler; what sleeps deeper down is a retry more often than a habit."""
SHARED = ("starlette.concurrency.run_in_threadpool", "anyio.to_thread.run_sync")
CONTEXTS = frozenset({"route", "dependency"})

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/async/#very-technical-details"],
    examples=[
        Bad(
            """
            import time

            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/slow")
            def slow() -> None:
                time.sleep(2)  # finding


            @app.get("/threads")
            async def threads() -> float:
                from anyio.to_thread import current_default_thread_limiter

                return current_default_thread_limiter().total_tokens
            """
        ),
        Good(
            """
            import asyncio
            import threading
            import time

            from fastapi import BackgroundTasks, FastAPI

            app = FastAPI()


            def later() -> None:
                time.sleep(5)


            @app.get("/short")
            def short(tasks: BackgroundTasks) -> None:
                tasks.add_task(later)
                threading.Thread(target=later).start()
                time.sleep(0.01)


            @app.get("/slow")
            async def slow() -> None:
                await asyncio.sleep(2)
                await asyncio.to_thread(later)
            """
        ),
    ],
)


@rule.check
def sleepers(function: Function) -> Iterator[Finding]:
    way = next((w for w in function.ways if not w.on_loop and w.context in CONTEXTS and in_shared_thread(w)), None)
    if way is None or way.depth > DEEPEST or function.on_event_loop is not None:
        return
    for call in function.calls_to("time.sleep"):
        given = call.argument("secs", 0)
        seconds = given.constant if given is not None else None
        if (isinstance(seconds, int | float) and seconds >= LONGEST_SECONDS) or call.loops:
            yield call.finding(
                f"While this sleeps it holds one of the 40 threads that all plain handlers share: {way.arrow('time.sleep')}. Await "
                "`asyncio.sleep` in an `async def` instead.",
                trace=way.trace(call),
                operation=way.operation,
            )


def in_shared_thread(way: Reach) -> bool:
    """Whether the thread is one of the 40, and not of an executor or its own."""
    step: Reach | None = way
    while step is not None and step.call is not None:
        target = step.call.target
        is_handed_over = target is None or target.node is not step.function.node
        if is_handed_over and step.call.name not in SHARED:
            return False
        step = step.before
    return True


@rule.proof
def there_are_forty_threads(bad: Served) -> None:
    """Sleeping handlers take a thread each, of few."""
    assert bad.get("/threads").json() == 40
    assert bad.get("/slow").seconds > 1.5
