"""A lambda around a coroutine function is no task

`add_task(lambda: send(user))` runs the lambda in a thread. The lambda calls `send`, gets a coroutine, and nobody awaits
it: the work is not done, and no error says so.

## Use instead
Hand over the function itself: `add_task(send, user)`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://fastapi.tiangolo.com/tutorial/background-tasks/"],
    examples=[
        Bad(
            """
            from fastapi import BackgroundTasks, FastAPI

            app = FastAPI()

            async def send(address: str) -> None:
                print("sent to", address)

            @app.post("/notify")
            async def notify(tasks: BackgroundTasks) -> str:
                tasks.add_task(lambda: send("a@example.com"))  # finding
                return "ok"
            """,
            fixed="""
            from fastapi import BackgroundTasks, FastAPI

            app = FastAPI()

            async def send(address: str) -> None:
                print("sent to", address)

            @app.post("/notify")
            async def notify(tasks: BackgroundTasks) -> str:
                tasks.add_task(send, "a@example.com")
                return "ok"
            """,
        ),
        Good(
            """
            import asyncio

            from fastapi import BackgroundTasks, FastAPI

            app = FastAPI()

            async def send(address: str) -> None:
                print("sent to", address)

            def write(address: str) -> None:
                print("wrote to", address)

            @app.post("/notify")
            async def notify(tasks: BackgroundTasks) -> str:
                tasks.add_task(lambda: write("a@example.com"))
                tasks.add_task(lambda: asyncio.run(send("a@example.com")))
                return "ok"
            """
        ),
    ],
)


@rule.check(of=["fastapi.BackgroundTasks.add_task", "starlette.background.BackgroundTask"])
def additions(call: Call) -> Iterator[Finding]:
    given = call.argument("func", 0)
    if given is None or given.kind != "lambda" or given.defined_function is None:
        return
    made = next(iter(given.defined_function.expressions), None)
    if not isinstance(made, Call) or made.target is None or not made.target.is_async or made.target.decorators:
        return
    inside = made.text[len(made.callee.text) :].strip()[1:-1].strip().rstrip(",")
    text = f"{made.callee.text}, {inside}" if inside else made.callee.text
    alone = len(call.arguments) == 1 and not call.keywords and not given.defined_function.parameters
    fix = Fix(f"Hand over `{made.callee.text}`", (given.replace(text),), safe=True) if alone else None
    yield call.finding(
        f"The lambda makes a coroutine of `{made.callee.text}` that nobody awaits: the task does nothing. "
        f"Hand over `{made.callee.text}` and its arguments.",
        fix=fix,
    )


@rule.proof
def the_task_does_nothing(bad: Served) -> None:
    assert bad.post("/notify").status_code == 200
    bad.stop()
    assert "sent to" not in bad.log
