"""Runs the worker under the target's interpreter: bounded in time and output, its whole process group ended after."""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fastapi_audit.errors import UsageError
from fastapi_audit.evidence.app import RunningApp, Unavailable

WORKER = Path(__file__).with_name("_app_worker.py")
TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*(\(\))?")
INTERPRETERS = (".venv/bin/python", "venv/bin/python")
KEPT: tuple[str, ...] = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""The environment that is passed on: what an interpreter needs, no settings and no secrets."""
ENV_FILE_LIMIT = 1_000_000
REPORT_LIMIT = 16_000_000
"""Bytes; the largest application we know tells half a million."""
TAIL_LIMIT = 64_000
"""Bytes of the output that are kept, the last ones; an application may print without end."""
LAST_LINES = 12
LINE_LIMIT = 300
TEXT_LIMIT = 4_000
GRACE_SECONDS = 2.0
"""The worker ends itself at the time limit and says where it stood; one that cannot is ended from here."""
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Question:
    """Which application to ask, where, as what."""

    target: str
    root: Path
    python: Path | None
    env_file: Path | None
    timeout_s: float

    def interpreter(self) -> Path:
        """The given one, else the project's own, else ours."""
        if self.python is not None:
            # Not resolved: a virtual environment is known by the path of its link.
            return _executable(self.python.absolute())
        found = (self.root.absolute() / each for each in INTERPRETERS)
        return next((each for each in found if os.access(each, os.X_OK)), Path(sys.executable))

    def environment(self, interpreter: Path) -> dict[str, str]:
        """A minimal one, as in an activated environment, and the file's on top."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        kept["PATH"] = os.pathsep.join([str(interpreter.parent), kept.get("PATH", os.defpath)])
        # No bytecode is left in the project's folders.
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **(read_env_file(self.env_file) if self.env_file else {})}


@dataclass(frozen=True, slots=True)
class Ended:
    """How the worker's process ended."""

    code: int | None
    """`None` when it was ended from here, at the time limit."""
    output: str
    """The last of what it printed."""


def ask(question: Question) -> RunningApp | Unavailable:
    """What the application told, or why it could not be asked."""
    if not TARGET.fullmatch(question.target):
        message = f"`{question.target}` is no application: write `module:attribute` or `module:factory()`"
        raise UsageError(message)
    interpreter = question.interpreter()
    with TemporaryDirectory(prefix="fastapi-audit-") as folder:
        report = Path(folder) / "report.json"
        root = str(question.root.absolute())
        command = [str(interpreter), str(WORKER), question.target, root, str(report), str(question.timeout_s)]
        environment = question.environment(interpreter)
        try:
            ended = run_bounded(command, root, environment, question.timeout_s + GRACE_SECONDS)
        except OSError as error:
            message = f"{interpreter} cannot be run: {error.strerror}"
            raise UsageError(message) from error
        return _unplaced(_read(question, report, ended), root, str(interpreter.parent.parent))


def read_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines, with or without `export` and quotes; comments and anything else are passed over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(ENV_FILE_LIMIT)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise UsageError(message) from error
    return dict(_variables(text.replace("\0", "")))


def _variables(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        found = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*", line)
        if found is None:
            continue
        name, value = found.groups()
        quoted = re.fullmatch(r"(['\"])(.*)\1(?:\s+#.*)?", value)
        yield name, quoted[2] if quoted else re.sub(r"(^|\s+)#.*", "", value)


def _executable(path: Path) -> Path:
    if not path.is_file() or not os.access(path, os.X_OK):
        message = f"{path} is no interpreter that can be run"
        raise UsageError(message)
    return path


def run_bounded(command: list[str], folder: str, environment: Mapping[str, str], seconds: float) -> Ended:
    """Runs a command to its end or to the time limit; nothing that it started is left."""
    process = subprocess.Popen(  # noqa: S603  the interpreter and the application are the user's own choice
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with _ending(process):
        return _watch(process, seconds)


@contextmanager
def _ending(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ends the whole process group, whatever happened; what has left the group at least loses its output."""
    with process:
        try:
            yield
        finally:
            with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
                os.killpg(process.pid, signal.SIGKILL)


def _watch(process: "subprocess.Popen[bytes]", seconds: float) -> Ended:
    """Reads until the process ends, not until its output does: a child of it may hold that open for ever."""
    deadline = time.monotonic() + seconds
    tail: deque[bytes] = deque(maxlen=16)
    descriptor = process.stdout.fileno() if process.stdout else -1
    os.set_blocking(descriptor, False)
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while process.poll() is None and time.monotonic() < deadline:
            if selector.get_map() and selector.select(POLL_SECONDS) and not _drain(descriptor, tail):
                selector.unregister(descriptor)
            elif not selector.get_map():
                time.sleep(POLL_SECONDS)
    code = process.poll()
    for _ in range(16):
        if not _drain(descriptor, tail):
            break
    return Ended(code, b"".join(tail)[-TAIL_LIMIT:].decode(errors="replace"))


def _drain(descriptor: int, tail: "deque[bytes]") -> bool:
    """Whether there was anything to read."""
    try:
        read = os.read(descriptor, TAIL_LIMIT)
    except BlockingIOError:
        return False
    tail.append(read)
    return bool(read)


def _read(question: Question, report: Path, ended: Ended) -> RunningApp | Unavailable:
    subject = f"`{question.target}` could not be asked"
    printed = _last_lines(ended.output.splitlines())
    if not report.is_file() or not (text := _bounded(report)):
        return Unavailable(f"{subject}: {_end(ended, question.timeout_s)}", printed)
    try:
        told = _clean(json.loads(text))
        if failed := told.get("failed"):
            lines = _last_lines([str(each) for each in failed["traceback"]])
            return Unavailable(f"{subject}: {_hint(str(failed['reason']))}", lines)
        return TypeAdapter(RunningApp).validate_json(json.dumps(told["told"]), strict=True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        kind = "its report has another shape" if isinstance(error, ValidationError) else "its report cannot be read"
        return Unavailable(f"{subject}: {kind}, as if the application had written into it", printed)


def _unplaced(answer: RunningApp | Unavailable, *folders: str) -> RunningApp | Unavailable:
    """Without this machine's paths where messages and tracebacks name files."""
    if isinstance(answer, RunningApp):
        return answer
    place = re.compile("|".join(f"{re.escape(each)}/" for each in folders))
    return Unavailable(place.sub("", answer.reason), tuple(place.sub("", each) for each in answer.last_lines))


def _bounded(report: Path) -> str:
    with report.open(encoding="utf-8", errors="replace") as file:
        text = file.read(REPORT_LIMIT + 1)
    return text if len(text) <= REPORT_LIMIT else "too long to be ours"


def _end(ended: Ended, seconds: float) -> str:
    if ended.code is None:
        return f"it did not finish within {seconds:g} s"
    if ended.code < 0:
        return f"its interpreter was ended by {signal.Signals(-ended.code).name}"
    return f"its interpreter ended with exit code {ended.code} before it told anything"


def _hint(reason: str) -> str:
    """What to do next, where that is known."""
    if " in its environment" in reason:
        return f"{reason}: give it with --env-file"
    if reason.startswith("there is no FastAPI"):
        return f"{reason}: name the project's own with --python"
    return reason


def _last_lines(lines: list[str]) -> tuple[str, ...]:
    return tuple(_printable(line)[:LINE_LIMIT] for line in lines[-LAST_LINES:])


def _clean(value: Any) -> Any:
    """The same without what a terminal would obey or an encoder refuse, and without endless text."""
    match value:
        case str():
            return _printable(value)[:TEXT_LIMIT]
        case list():
            return [_clean(each) for each in value]
        case dict():
            return {str(key): _clean(each) for key, each in value.items()}
        case _:
            return value


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
