"""Starts the user's application for a probe: in its own interpreter and a minimal environment."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi_audit.errors import IncompleteError, UsageError
from fastapi_audit.evidence._app_process import TARGET, Question, run_bounded
from fastapi_audit.evidence.app import Unavailable, inspect
from fastapi_audit.evidence.live.launch import Launch, Server, launched
from fastapi_audit.evidence.live.operations import SCHEMA_LIMIT
from fastapi_audit.evidence.live.probing import Start

DESCRIBE = """\
import importlib, json, sys
sys.path.insert(0, "")
module, _, attribute = sys.argv[1].partition(":")
app = importlib.import_module(module)
for name in attribute.split("."):
    app = getattr(app, name)
if sys.argv[2] == "factory":
    app = app()
with open(sys.argv[3], "w", encoding="utf-8") as file:
    json.dump(app.openapi(), file)
"""
DESCRIBE_SECONDS = 30.0
LAST_LINES = 12
LINE = 300
NO_PROXY = "192.0.2.1"
"""An address that nobody has. Uvicorn believes the forwarded headers of its own machine: the probe would be taken for
the proxy, and what it invents for the truth."""


def launch_of(start: Start, patience_s: float) -> Launch:
    """How the application is started; `UsageError` for what cannot be."""
    if not TARGET.fullmatch(start.application):
        message = f"`{start.application}` is no application: write `module:attribute` or `module:factory()`"
        raise UsageError(message)
    question = Question(start.application, start.folder, start.python, start.env_file, patience_s)
    interpreter = question.interpreter()
    factory = start.factory or start.application.endswith("()")
    workers = ("--workers", str(start.workers)) if start.workers > 1 else ()
    return Launch(
        start.application.removesuffix("()"),
        start.folder.absolute(),
        str(interpreter),
        (*(("--factory",) if factory else ()), *workers),
        {"FORWARDED_ALLOW_IPS": NO_PROXY, **question.environment(interpreter)},
        patience_s,
        watched=True,
    )


def description_of(launch: Launch, within_s: float) -> bytes:
    """The description that an application keeps from the wire, asked of a second process; empty when it has none."""
    kind = "factory" if "--factory" in launch.options else "application"
    with TemporaryDirectory(prefix="fastapi-audit-") as folder:
        file = Path(folder) / "openapi.json"
        command = [launch.python, "-c", DESCRIBE, launch.application, kind, str(file)]
        run_bounded(command, str(launch.folder), launch.environment or {}, min(DESCRIBE_SECONDS, within_s))
        if not file.is_file():
            return b""
        with file.open("rb") as described:
            return described.read(SCHEMA_LIMIT)


@contextmanager
def started(start: Start, within_s: float) -> Iterator[tuple[Server, Launch]]:
    """The running server; `IncompleteError` with the end of its log when it does not come up in time."""
    launch = launch_of(start, within_s)
    with ExitStack() as closing:
        try:
            server = closing.enter_context(launched(launch))
        except OSError as error:
            message = f"{launch.python} cannot be run: {error.strerror}"
            raise UsageError(message) from error
        if not server.started:
            raise _failure(start, launch, server)
        yield server, launch


def sockets_of(start: Start, within_s: float) -> tuple[str, ...] | None:
    """The paths of its WebSockets; `None` when it cannot be imported."""
    factory = "()" if start.factory and not start.application.endswith("()") else ""
    answer = inspect(start.application + factory, start.folder, start.python, start.env_file, within_s)
    if isinstance(answer, Unavailable):
        return None
    paths = (each.path for each in answer.every_operation() if each.method == "WEBSOCKET")
    return tuple(dict.fromkeys(path for path in paths if path.startswith("/") and path.isprintable()))


def _failure(start: Start, launch: Launch, server: Server) -> IncompleteError:
    lines = [line for line in server.log.splitlines() if line.strip()]
    if any("No module named uvicorn" in line for line in lines):
        return IncompleteError(
            f"uvicorn is not installed in {launch.python}: install it there, or name another interpreter with --python"
        )
    code = server.process.poll()
    waited = f"it listened to nothing for {launch.patience:.0f} s, all that --max-time gives the probe"
    end = waited if code is None else f"it ended with exit code {code}"
    printed = tuple(line[:LINE] for line in lines[-LAST_LINES:])
    return IncompleteError(f"`{start.application}` did not start: {end}; the lines above are its last", printed)
