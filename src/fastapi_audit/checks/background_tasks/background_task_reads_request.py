"""Background task that reads the request after it is over

A background task runs after the response. By then the body cannot be received any more: `await request.body()` in it
raises `ClientDisconnect`, or gives `b""` without an error, while the client has read 200.

## Use instead
Read in the route and hand over what was read: `tasks.add_task(store, await request.body())`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Function
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/tutorial/background-tasks/"],
    examples=[
        Bad(
            """
            from fastapi import BackgroundTasks, FastAPI, Request

            async def store(request: Request) -> None:
                print("stored", await request.body(), flush=True)

            app = FastAPI()

            @app.post("/events")
            async def take(request: Request, tasks: BackgroundTasks) -> str:
                tasks.add_task(store, request)  # finding
                return "taken"
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, FastAPI, Request

            async def store(body: bytes) -> None:
                print(len(body))

            async def note(request: Request) -> None:
                print(request.url.path, request.client)

            async def after(request: Request) -> None:
                print(await request.body())

            app = FastAPI()

            @app.post("/events")
            async def take(request: Request, tasks: BackgroundTasks) -> str:
                tasks.add_task(store, await request.body())
                tasks.add_task(note, request)
                return "taken"

            @app.post("/read-before")
            async def read_before(request: Request, tasks: BackgroundTasks) -> int:
                size = len(await request.body())
                tasks.add_task(after, request)
                return size
            """
        ),
        Good(
            """
            from fastapi import BackgroundTasks, FastAPI, Request

            app = FastAPI()

            def count_visit(request: Request) -> None:
                print(request.url.path, request.headers.get("user-agent"))

            @app.post("/leads")
            async def create(request: Request, tasks: BackgroundTasks) -> str:
                tasks.add_task(count_visit, request)
                return "accepted"
            """
        ),
    ],
)

READS = tuple(f"fastapi.Request.{kind}" for kind in ("body", "json", "form", "stream"))


@rule.check(of=["fastapi.BackgroundTasks.add_task", "starlette.background.BackgroundTask"])
def additions(call: Call) -> Iterator[Finding]:
    given = call.argument("func", 0)
    task = given.defined_function if given is not None else None
    handed = next((a for a in (*call.arguments[1:], *call.keywords.values()) if a.is_a("fastapi.Request")), None)
    if task is None or handed is None or _was_read(call):
        return
    read = _read_in(task)
    if read is not None:
        yield call.finding(
            f"`{task.name}` runs after the response, where `{read.text}` gives nothing any more. Read the body in the "
            "route and hand over what was read."
        )


def _was_read(call: Call) -> bool:
    """Whether the route, which keeps what it read, has read the body before."""
    function = call.function
    return function is None or any(c.location < call.location for c in function.calls_to(*READS))


def _read_in(task: Function) -> Expression | None:
    names = {p.name for p in task.parameters if p.is_a("fastapi.Request")}
    found = (c for c in task.calls_to(*READS) if c.receiver is not None and c.receiver.written in names)
    return next(found, None)


@rule.proof
def the_body_is_gone(bad: Served) -> None:
    assert bad.post("/events", content=b"payload").status_code == 200
    bad.stop()
    assert "payload" not in bad.log
    assert "ClientDisconnect" in bad.log or "stored b''" in bad.log
