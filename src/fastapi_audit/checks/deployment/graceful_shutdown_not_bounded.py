"""The server waits for streams for ever when it is told to stop

After SIGTERM uvicorn waits for open responses without a limit. A stream of events never ends, so the container is killed
after its grace period, and the code after `yield` in the lifespan never runs: no pool is closed, nothing is flushed.
With `--timeout-graceful-shutdown 1` the process was gone after 1.2 seconds, and the lifespan did run. `fastapi run` has
no such option.

## Use instead
`uvicorn … --timeout-graceful-shutdown 25` and a longer grace period around it: `stop_grace_period: 30s` in compose,
`terminationGracePeriodSeconds` in Kubernetes.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.evidence.deployment import Program, ServerCommand
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

STREAMING = """
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    print("closed everything", flush=True)

app = FastAPI(lifespan=lifespan)

@app.get("/events")
async def events() -> StreamingResponse:
    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "data: tick\\n\\n"
            await asyncio.sleep(0.2)

    return StreamingResponse(ticks(), media_type="text/event-stream")
"""
ANSWERING = """
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def read() -> str:
    return "ok"
"""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://uvicorn.dev/settings/#timeouts"],
    examples=[
        Bad(
            {
                "main.py": STREAMING,
                "Dockerfile": """
                FROM python:3.12-slim
                # finding
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]
                """,
            },
            fixed={
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--timeout-graceful-shutdown", "8"]
                """,
            },
        ),
        Bad(
            {
                "main.py": STREAMING,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: fastapi run main.py  # finding
                  slow:
                    build: .
                    command: uvicorn main:app --timeout-graceful-shutdown 30  # finding
                """,
            }
        ),
        Good(
            {
                "main.py": STREAMING,
                "compose.yaml": """
                services:
                  api:
                    build: .
                    command: uvicorn main:app --timeout-graceful-shutdown 25
                    stop_grace_period: 30s
                  by-variable:
                    build: .
                    command: uvicorn main:app
                    environment:
                      UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN: 8
                  gunicorn:
                    build: .
                    command: gunicorn main:app -k uvicorn_worker.UvicornWorker
                  unknown:
                    build: .
                    command: uvicorn main:app $OPTIONS
                """,
            }
        ),
        Good(
            {
                "main.py": ANSWERING,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]
                """,
            }
        ),
        Good(
            {
                "main.py": ANSWERING,
                "events.py": STREAMING,
                "Dockerfile": """
                FROM python:3.12-slim
                CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]
                """,
            }
        ),
    ],
)

STREAMS = (
    "starlette.responses.StreamingResponse",
    "sse_starlette.EventSourceResponse",
    "sse_starlette.sse.EventSourceResponse",
    "fastapi.sse.EventSourceResponse",
)
COMPOSE_GRACE, KUBERNETES_GRACE = 10, 30
"""Seconds between SIGTERM and SIGKILL when nothing is said."""
MARGIN = 2


@rule.check
def commands(command: ServerCommand, project: Project) -> Iterator[Finding]:
    graceful = command.graceful_timeout
    if not command.production or not command.is_container or not graceful.known or command.open_ended:
        return
    if graceful.number is not None and not graceful.is_default:
        yield from _longer_than_allowed(command, graceful.number)
    elif command.program in {Program.UVICORN, Program.FASTAPI_RUN} and graceful.value is None:
        served = {module.path for module in project.source.served_by(command.target.value or "")}
        streams = [call.location for call in project.source.calls_to(*STREAMS)]
        place = next((stream for stream in streams if not served or stream.path in served), None)
        if place is not None:
            remedy = "Set `--timeout-graceful-shutdown`"
            if command.program is Program.FASTAPI_RUN:
                remedy = "`fastapi run` has no option for it; use `uvicorn … --timeout-graceful-shutdown`"
            yield Finding(
                f"When it is told to stop, `{command.program}` waits without a limit for open streams ({place.path}:"
                f"{place.line}); it is killed then, and the lifespan never ends. {remedy}.",
                command.location,
                fix=_fix(command),
            )


def _longer_than_allowed(command: ServerCommand, graceful: int) -> Iterator[Finding]:
    """The server gives requests more time than the container has."""
    allowed = _grace(command)
    if allowed is not None and graceful >= allowed:
        yield Finding(
            f"`{command.program}` gives open requests {graceful} s, but the container is killed {allowed:g} s after the "
            "SIGTERM: the lifespan never ends. Raise the grace period of the container above it.",
            command.location,
            severity=Severity.MEDIUM,
        )


def _grace(command: ServerCommand) -> float | None:
    """Seconds that the container has; `None` where something else than these files decides."""
    if command.service and not command.service.partial:
        return command.service.stop_grace_period or COMPOSE_GRACE
    return command.workload.termination_grace_period or KUBERNETES_GRACE if command.workload else None


def _fix(command: ServerCommand) -> Fix | None:
    """A limit just below what the container has, on the command line."""
    limit = int((_grace(command) or COMPOSE_GRACE) - MARGIN)
    told = limit > 0 and command.program is Program.UVICORN
    edit = command.with_option("--timeout-graceful-shutdown", str(limit)) if told else None
    return Fix("Bound the graceful shutdown", (edit,)) if edit else None


@rule.proof
def a_stream_keeps_it_from_stopping(bad: Served) -> None:
    printed = bad.run(STOPPED_DURING_A_STREAM)

    assert "streaming" in printed
    assert "closed everything" not in printed


STOPPED_DURING_A_STREAM = """
import json, socket, subprocess, sys, time, urllib.request
words = json.loads(open("Dockerfile").read().partition("CMD ")[2])
words = ["1" if word == "8" else word for word in words]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
with open("log", "w") as log:
    server = subprocess.Popen([sys.executable, "-m", *words, "--port", str(port)], stdout=log, stderr=log)
for _ in range(100):
    try:
        stream = urllib.request.urlopen(f"http://127.0.0.1:{port}/events", timeout=5)
        print("streaming", stream.readline())
        break
    except OSError:
        time.sleep(0.1)
server.terminate()
time.sleep(4)
server.kill()
server.wait()
print(open("log").read())
"""
