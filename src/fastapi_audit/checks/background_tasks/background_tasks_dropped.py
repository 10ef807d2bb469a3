"""Background task that is added and never run

FastAPI runs the tasks of `BackgroundTasks` after the response of the route. When the route raises, there is no such
response and nobody runs them: a task added right before `raise HTTPException` never starts. A response that the route
makes with its own `background=` wins too: the injected tasks are thrown away.

## Use instead
Do before the `raise` what has to happen, or return `JSONResponse(…, status_code=…)` in place of raising. Put all tasks
into one place: either the injected `BackgroundTasks` or the `background` of the response.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Route, Statement
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/background-tasks/"],
    examples=[
        Bad(
            """
            from fastapi import BackgroundTasks, FastAPI, HTTPException
            from fastapi.responses import JSONResponse
            from starlette.background import BackgroundTask

            def note(text: str) -> None:
                print(text, flush=True)

            app = FastAPI()

            @app.post("/login")
            async def login(name: str, tasks: BackgroundTasks) -> str:
                if name != "ada":
                    tasks.add_task(note, "failed login")  # finding
                    raise HTTPException(401)
                return "welcome"

            @app.post("/leads")
            async def create(tasks: BackgroundTasks) -> JSONResponse:
                tasks.add_task(note, "injected")  # finding
                return JSONResponse({}, background=BackgroundTask(note, "own"))
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, FastAPI, HTTPException
            from fastapi.responses import JSONResponse

            def note(text: str) -> None:
                print(text, flush=True)

            app = FastAPI()

            @app.post("/login")
            async def login(name: str, tasks: BackgroundTasks) -> JSONResponse:
                if name != "ada":
                    tasks.add_task(note, "failed login")
                    return JSONResponse({"detail": "no"}, status_code=401)
                elif name == "eve":
                    raise HTTPException(403)
                tasks.add_task(note, "login")
                return JSONResponse({}, background=tasks)

            @app.post("/leads")
            async def create(name: str, tasks: BackgroundTasks) -> JSONResponse:
                try:
                    tasks.add_task(note, name)
                except ValueError as error:
                    raise HTTPException(400) from error
                return JSONResponse({})
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, FastAPI, HTTPException

            def note(text: str) -> None:
                print(text, flush=True)

            app = FastAPI()

            @app.post("/leads")
            async def create(name: str, tasks: BackgroundTasks) -> str:
                if name == "ada":
                    tasks.add_task(note, "known")
                    return "known"
                raise HTTPException(404)
            """
        ),
    ],
)

ADD = "fastapi.BackgroundTasks.add_task"


@rule.check
def routes(route: Route) -> Iterator[Finding]:
    function = route.function
    if function is None or route.kind != "http":
        return
    added = [c for c in function.calls_to(ADD) if _is_injected(c, function)]
    for call in added:
        raised = _raised_after(call, function)
        if raised is not None:
            yield call.finding(
                f"This task never runs: `{raised.text.splitlines()[0]}` follows, and FastAPI runs background tasks only "
                "after a response that the route returned. Do the work before, or return the error as a response.",
                operation=route.operation,
            )
        elif (own := _own_background(function, call)) is not None:
            yield call.finding(
                f"This task is thrown away: the response brings `background={own}` of its own. Put all tasks into one of "
                "them.",
                operation=route.operation,
            )


def _is_injected(call: Call, function: Function) -> bool:
    written = call.receiver.written if call.receiver is not None else None
    return written is not None and function.parameter(written) is not None


def _raised_after(call: Call, function: Function) -> Statement | None:
    """The `raise` that stands behind it in the same block, not caught in the function."""
    for block in _blocks(function):
        if call.statement not in block:
            continue
        rest = block[block.index(call.statement) + 1 :]
        raised = next((s for s in rest if s.kind == "raise"), None)
        if raised is not None and not raised.tries:
            return raised
    return None


def _blocks(function: Function) -> Iterator[list[Statement]]:
    for statement in function.statements:
        yield statement.children
        yield statement.orelse
        yield statement.final
        yield from (handler.children for handler in statement.handlers)


def _own_background(function: Function, call: Call) -> str | None:
    """What the only response that the route makes names as its own background."""
    returned = [e for e in function.returned_expressions if e.location > call.location]
    if not returned or call.receiver is None:
        return None
    for given in returned:
        own = given.argument("background") if isinstance(given, Call) else None
        if own is None or own.mentions(call.receiver.text) or not isinstance(own, Call):
            return None
    first = returned[0].argument("background") if isinstance(returned[0], Call) else None
    return None if first is None else first.text


@rule.proof
def the_tasks_never_run(bad: Served) -> None:
    assert bad.post("/login?name=eve").status_code == 401
    assert bad.post("/leads").status_code == 200
    bad.stop()
    assert "own" in bad.log
    assert "failed login" not in bad.log
    assert "injected" not in bad.log
