"""A background task is called where it should be handed over

`add_task(send(user))` calls `send` at once and hands over what it returned: a coroutine or `None`. A coroutine function
never runs: the client has its 200, the log a `TypeError: the first argument must be callable`. A plain function runs
inside the request, before the answer, and the same TypeError follows.

## Use instead
Hand over the function and its arguments: `add_task(send, user)`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Function
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

            async def send(address: str, urgent: bool = False) -> None:
                print("sent to", address)

            @app.post("/notify")
            async def notify(tasks: BackgroundTasks) -> str:
                tasks.add_task(send("a@example.com", urgent=True))  # finding
                return "ok"
            """,
            fixed="""
            from fastapi import BackgroundTasks, FastAPI

            app = FastAPI()

            async def send(address: str, urgent: bool = False) -> None:
                print("sent to", address)

            @app.post("/notify")
            async def notify(tasks: BackgroundTasks) -> str:
                tasks.add_task(send, "a@example.com", urgent=True)
                return "ok"
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse
            from starlette.background import BackgroundTask

            app = FastAPI()

            def clean_up():
                print("cleaned")

            @app.get("/report")
            def report() -> JSONResponse:
                return JSONResponse({}, background=BackgroundTask(clean_up()))  # finding
            """,
            fixed="""
            from fastapi import FastAPI
            from fastapi.responses import JSONResponse
            from starlette.background import BackgroundTask

            app = FastAPI()

            def clean_up():
                print("cleaned")

            @app.get("/report")
            def report() -> JSONResponse:
                return JSONResponse({}, background=BackgroundTask(clean_up))
            """,
        ),
        Good(
            """
            from functools import partial

            from elsewhere import make_task
            from fastapi import BackgroundTasks, FastAPI

            app = FastAPI()

            def send(address: str) -> None:
                print("sent to", address)

            def sender(address: str):
                def run() -> None:
                    send(address)
                return run

            class Mailer:
                def __call__(self) -> None:
                    send("c@example.com")

            @app.post("/notify")
            async def notify(tasks: BackgroundTasks) -> str:
                tasks.add_task(send, "a@example.com")
                tasks.add_task(partial(send, "a@example.com"))
                tasks.add_task(sender("a@example.com"))
                tasks.add_task(Mailer())
                tasks.add_task(make_task())
                return "ok"
            """
        ),
        Bad(
            """
            from fastapi import BackgroundTasks, FastAPI

            app = FastAPI()

            async def send(address: str, text: str = "") -> None:
                print("to", address, text)

            @app.post("/notify")
            def notify(tasks: BackgroundTasks) -> str:
                tasks.add_task(send("ann@example.com"), "Welcome")  # finding
                return "accepted"
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, FastAPI

            app = FastAPI()

            class Mail:
                def __init__(self, address: str) -> None:
                    self.address = address

                def __call__(self) -> None:
                    print("to", self.address)

            @app.post("/notify")
            def notify(tasks: BackgroundTasks) -> str:
                tasks.add_task(Mail("ann@example.com"))
                return "accepted"
            """
        ),
    ],
)


@rule.check(of=["fastapi.BackgroundTasks.add_task", "starlette.background.BackgroundTask"])
def additions(call: Call) -> Iterator[Finding]:
    given = call.argument("func", 0)
    target = given.target if isinstance(given, Call) else None
    if not isinstance(given, Call) or target is None or target.decorators or not _gives_no_callable(target):
        return
    what = "never runs" if target.is_async else "runs before the answer"
    yield call.finding(
        f"`{given.callee.text}` {what}: it is called here, and what it returned fails with TypeError after the answer. "
        f"Hand over `{given.callee.text}` and its arguments.",
        fix=_fix(call, given),
    )


def _gives_no_callable(target: Function) -> bool:
    if target.name == "__init__" or target.is_generator:
        return False
    return target.is_async or not target.returned_expressions


def _fix(call: Call, given: Expression) -> Fix | None:
    if not isinstance(given, Call) or call.arguments[:1] != [given] or len(call.arguments) > 1 or call.keywords:
        return None
    inside = given.text[len(given.callee.text) :].strip()[1:-1].strip().rstrip(",")
    text = f"{given.callee.text}, {inside}" if inside else given.callee.text
    return Fix(f"Hand over `{given.callee.text}`", (given.replace(text),), safe=True)


@rule.proof
def the_task_never_runs(bad: Served) -> None:
    assert bad.post("/notify").status_code == 200
    bad.stop()
    assert "TypeError: the first argument must be callable" in bad.log
    assert "sent to" not in bad.log
