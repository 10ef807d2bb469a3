"""Nobody holds the task that was started

The event loop keeps only a weak reference to a task. When the result of `asyncio.create_task` is thrown away, the
garbage collector may destroy the task in the middle (`Task was destroyed but it is pending!`), its exception shows up
late or never, and at shutdown nobody waits for it: after SIGTERM the process ends without it.

## Use instead
Keep the task in a set until it is done (`task.add_done_callback(tasks.discard)`), or start it in an
`asyncio.TaskGroup` that the lifespan owns. Work that must follow a response belongs in `BackgroundTasks` or a queue.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=[
        "https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task",
        "https://fastapi.tiangolo.com/tutorial/background-tasks/",
    ],
    examples=[
        Bad(
            """
            import asyncio
            import gc
            import weakref

            from fastapi import FastAPI

            app = FastAPI()
            started = weakref.WeakSet()

            class Mailer:
                async def send(self) -> None:
                    started.add(asyncio.current_task())
                    self.answer = asyncio.get_running_loop().create_future()
                    await self.answer

            @app.post("/notify")
            async def notify() -> str:
                asyncio.create_task(Mailer().send())  # finding
                await asyncio.sleep(0.01)
                return "ok"

            @app.get("/running")
            async def running() -> int:
                gc.collect()
                return len(started)
            """
        ),
        Bad(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()

            async def send() -> None:
                await asyncio.sleep(1)

            @app.post("/notify")
            async def notify() -> str:
                loop = asyncio.get_running_loop()
                _ = loop.create_task(send())  # finding
                task = asyncio.ensure_future(send())  # finding
                return "ok"
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI, Request

            app = FastAPI()
            tasks = set()

            async def send() -> None:
                await asyncio.sleep(1)

            def start() -> asyncio.Task[None]:
                return asyncio.create_task(send())

            @app.post("/notify")
            async def notify(request: Request) -> str:
                task = asyncio.create_task(send())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                request.app.state.task = asyncio.create_task(send())
                tasks.add(asyncio.create_task(send()))
                first = asyncio.create_task(send())
                await asyncio.wait([first, start()])
                async with asyncio.TaskGroup() as group:
                    group.create_task(send())
                last = asyncio.create_task(send())
                try:
                    await asyncio.sleep(1)
                finally:
                    last.cancel()
                return "ok"
            """
        ),
        Good(
            """
            import asyncio

            from fastapi import FastAPI

            app = FastAPI()
            refreshing = None

            async def refresh() -> None:
                await asyncio.sleep(1)

            @app.post("/refresh")
            async def start() -> str:
                global refreshing
                refreshing = asyncio.create_task(refresh())
                return "started"
            """
        ),
    ],
)

STARTERS = ("asyncio.create_task", "asyncio.ensure_future", "asyncio.EventLoop.create_task")


@rule.check(of=STARTERS)
def tasks(call: Call) -> Iterator[Finding]:
    if call.awaited or not (call.discarded or _is_lost(call)):
        return
    yield call.finding(
        f"Nobody keeps the task of `{call.callee.text}`: it may be collected before it is done, its exception is lost, "
        "and shutdown does not wait for it. Keep it in a set until it is done, or use a TaskGroup."
    )


def _is_lost(call: Call) -> bool:
    """Whether a local variable takes it that nothing reads."""
    name = call.assigned_to
    function = call.function
    if name is None or function is None or not name.isidentifier():
        return False
    if any(name in s.names for s in function.statements_of("declare")):
        return False
    return name == "_" or not function.reads(name)


@rule.proof
def the_task_is_destroyed(bad: Served) -> None:
    assert bad.post("/notify").status_code == 200
    assert bad.get("/running").json() == 0
    assert "Task was destroyed but it is pending!" in bad.log
