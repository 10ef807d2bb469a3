"""Starts an application under uvicorn on a loopback port of its own, and always ends what it started."""

import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi_audit.evidence.live.stalls import watched

LOOPBACK = "127.0.0.1"
LOG_LIMIT = 1_000_000
"""Bytes of the server's output that are read; an application may print without end."""
POLL_SECONDS = 0.02
STALLS = "stalls.jsonl"
WORKER = re.compile(r"Started server process \[(\d+)\]")
WORKER_IS_UP = "Application startup complete"
"""What uvicorn prints of each worker."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start, where, and how long to wait for it."""

    application: str
    """`module:attribute`, as uvicorn takes it."""
    folder: Path
    """The working directory; the module is imported from here."""
    python: str = sys.executable
    """The interpreter that has the application's dependencies."""
    options: tuple[str, ...] = ()
    """Further uvicorn options."""
    environment: Mapping[str, str] | None = None
    """The whole environment of the server; ours when not given."""
    patience: float = 15
    """Seconds until a server that neither listens nor exits counts as not started."""
    watched: bool = False
    """Whether a watchdog goes with it that sees its event loop stall."""

    def command(self, descriptor: int) -> list[str]:
        """The command line that serves on the inherited socket."""
        return [self.python, "-m", "uvicorn", self.application, "--fd", str(descriptor), *self.options]


@dataclass(slots=True)
class Server:
    """A server that was started, and its process group."""

    port: int
    process: subprocess.Popen[bytes]
    output: Path
    started: bool = False
    """Whether it came up; when it did not, `log` says why."""

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def stalls(self) -> Path:
        """The file in which the watchdog writes, if there is one."""
        return self.output.with_name(STALLS)

    @property
    def log(self) -> str:
        """What it has printed so far, the first megabyte."""
        return self.printed_since(0)

    @property
    def printed(self) -> int:
        """Bytes that it has printed so far."""
        return self.output.stat().st_size

    def printed_since(self, mark: int) -> str:
        """What it has printed after so many bytes, a megabyte at most."""
        with self.output.open("rb") as printed:
            printed.seek(mark)
            return printed.read(LOG_LIMIT).decode(errors="replace")

    def workers(self, asked: int) -> frozenset[int]:
        """The processes that answer, once as many as were asked for are up; none before."""
        log = self.log
        if log.count(WORKER_IS_UP) < asked:
            return frozenset()
        return frozenset(int(process) for process in WORKER.findall(log))

    def each_worker(self, asked: int) -> Generator[int]:
        """The workers, as soon as all are up; meanwhile the others stand still, so that this one alone answers.

        Which of several idle workers takes a connection is the kernel's choice, and often it is always the same.
        """
        workers = self.workers(asked)
        for worker in workers:
            with ExitStack() as resuming:
                for other in workers - {worker}:
                    with suppress(ProcessLookupError):
                        os.kill(other, signal.SIGSTOP)
                        resuming.callback(_resume, other)
                yield worker

    def stop(self, timeout: float = 10) -> float:
        """Sends SIGTERM as an orchestrator does; seconds until it was gone, `inf` when it had to be killed."""
        begun = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return math.inf
        return time.monotonic() - begun

    def kill(self) -> None:
        """Ends the whole process group, workers included, without asking."""
        with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self, patience: float) -> bool:
        """Waits until it listens, exits or has used up the patience; whether it listens."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._listens():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1):
            return True
        return False


def _resume(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


@contextmanager
def launched(launch: Launch) -> Iterator[Server]:
    """The application under uvicorn; on the way out its process group is killed, whatever happened."""
    with TemporaryDirectory(prefix="fastapi-audit-") as place:
        server = _start(launch, Path(place) / "server.log")
        try:
            server.started = server.wait(launch.patience)
            yield server
        finally:
            server.kill()


def _start(launch: Launch, output: Path) -> Server:
    # Bound here and not yet listening: no other process can take the port, and a connection is refused until
    # uvicorn listens, which it does after the application's start-up. So the first connection means ready.
    environment = {**(os.environ if launch.environment is None else launch.environment), **_QUIET}
    if launch.watched:
        environment = watched(environment, output.with_name(STALLS))
    with socket.socket() as listener, output.open("wb") as printed:
        # uvicorn takes an inherited socket for a UNIX one and leaves Nagle's algorithm on, which delays answers on kept
        # connections by 40 ms; accepted connections inherit the option.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((LOOPBACK, 0))
        process = subprocess.Popen(  # noqa: S603  the command is ours; the application is the user's own choice
            launch.command(listener.fileno()),
            cwd=launch.folder,
            env=environment,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Server(listener.getsockname()[1], process, output)


_QUIET = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
"""Output arrives at once, and no bytecode is left in the application's folder."""
