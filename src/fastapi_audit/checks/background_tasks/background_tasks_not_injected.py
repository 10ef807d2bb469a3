"""Background tasks that nobody runs

FastAPI runs the tasks of the `BackgroundTasks` that it has itself put into a parameter. One that a route makes with
`BackgroundTasks()` is a list that nobody looks at, unless it goes along with a response as `background=`. Nothing is
run and nothing is logged.

## Use instead
Declare a parameter `tasks: BackgroundTasks`, or return `JSONResponse(…, background=tasks)`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

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
            async def notify() -> str:
                tasks = BackgroundTasks()  # finding
                tasks.add_task(send, "a@example.com")
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, FastAPI
            from fastapi.responses import JSONResponse

            app = FastAPI()

            async def send(address: str) -> None:
                print("sent to", address)

            def with_mail() -> BackgroundTasks:
                tasks = BackgroundTasks()
                tasks.add_task(send, "b@example.com")
                return tasks

            @app.post("/notify")
            async def notify() -> JSONResponse:
                tasks = BackgroundTasks()
                tasks.add_task(send, "a@example.com")
                return JSONResponse("ok", background=tasks)

            @app.post("/later")
            async def later() -> JSONResponse:
                response = JSONResponse("ok")
                response.background = with_mail()
                return response

            @app.post("/now")
            async def now() -> str:
                tasks = BackgroundTasks()
                tasks.add_task(send, "a@example.com")
                await tasks()
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, FastAPI
            from fastapi.responses import JSONResponse
            from starlette.background import BackgroundTask

            app = FastAPI()

            @app.post("/notify")
            def notify() -> JSONResponse:
                return JSONResponse("accepted", background=BackgroundTasks([BackgroundTask(print, "sent")]))
            """
        ),
    ],
)


@rule.check(of=["fastapi.BackgroundTasks"])
def lists(call: Call) -> Iterator[Finding]:
    name, function = call.assigned_to, call.function
    if name is None or not name.isidentifier() or function is None:
        return
    added = [c for c in function.calls if c.method == "add_task" and c.receiver and c.receiver.written == name]
    mentions = [e for e in function.expressions if e.kind == "name" and e.written == name]
    # One mention is where it is made; any other than `add_task` may take it to a response.
    if added and len(mentions) == len(added) + 1:
        yield call.finding(
            f"Nobody runs the tasks of `{name}`: it is neither a parameter of the route nor the `background` of a "
            "response. Declare it as a parameter."
        )


@rule.proof
def the_task_does_not_run(bad: Served) -> None:
    assert bad.post("/notify").status_code == 200
    bad.stop()
    assert "sent to" not in bad.log
