"""Starts the user's application for a probe: in its own interpreter and a minimal environment."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fastapi_audit.errors import IncompleteError, UsageError
from fastapi_audit.evidence._app_process import TARGET, Question
from fastapi_audit.evidence.live.launch import Launch, Server, launched
from fastapi_audit.evidence.live.probing import Start

LAST_LINES = 12
LINE = 300
PATIENCE_SECONDS = 30.0


def launch_of(start: Start, patience_s: float = PATIENCE_SECONDS) -> Launch:
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
        question.environment(interpreter),
        patience_s,
    )


@contextmanager
def started(start: Start, within_s: float) -> Iterator[tuple[Server, Launch]]:
    """The running server; `IncompleteError` with the end of its log when it does not come up."""
    launch = launch_of(start, min(PATIENCE_SECONDS, within_s))
    with ExitStack() as closing:
        try:
            server = closing.enter_context(launched(launch))
        except OSError as error:
            message = f"{launch.python} cannot be run: {error.strerror}"
            raise UsageError(message) from error
        if not server.started:
            raise _failure(start, launch, server)
        yield server, launch


def _failure(start: Start, launch: Launch, server: Server) -> IncompleteError:
    lines = [line for line in server.log.splitlines() if line.strip()]
    if any("No module named uvicorn" in line for line in lines):
        return IncompleteError(
            f"uvicorn is not installed in {launch.python}: install it there, or name another interpreter with --python"
        )
    code = server.process.poll()
    end = f"it listened to nothing for {launch.patience:g} s" if code is None else f"it ended with exit code {code}"
    printed = tuple(line[:LINE] for line in lines[-LAST_LINES:])
    return IncompleteError(f"`{start.application}` did not start: {end}; the lines above are its last", printed)
