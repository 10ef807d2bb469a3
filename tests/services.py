"""Real servers for the tests: a PostgreSQL and a Redis of their own, on a free loopback port, not as root."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NoReturn

import pytest

LOOPBACK = "127.0.0.1"
START_SECONDS = 30
STOP_SECONDS = 10
UNPRIVILEGED = ("postgres", "nobody")
"""PostgreSQL refuses to run as root, so a root test run lends the servers one of these users."""
POSTGRES_FOLDERS = "/usr/lib/postgresql/*/bin"
"""Where Debian keeps the server's programs, off the PATH."""
PLAIN = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
"""The environment of a server: no settings of the machine."""


def needed(what: str, path: str | None) -> str:
    """The path; without one the test fails where CI=true and is skipped elsewhere, with the same reason."""
    return path or missing(f"{what} is not installed; PACKAGES in `.ci/run` names what the tests need")


def missing(reason: str) -> NoReturn:
    """What a test needs is not to be had: it fails where CI=true and is skipped elsewhere, with the same reason."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def program(name: str, *folders: str) -> str:
    """The path of a program on the PATH, or in folders (patterns) off it."""
    places = [os.environ.get("PATH", os.defpath)]
    places += [str(folder) for pattern in folders for folder in sorted(Path("/").glob(pattern.lstrip("/")))]
    return needed(f"`{name}`", shutil.which(name, path=os.pathsep.join(places)))


def browser() -> str:
    """The path of a Chromium."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return needed("a Chromium browser", next((path for path in found if path), None))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of an empty PostgreSQL database, without a driver: `postgresql://…`."""
    server, initdb = (program(name, POSTGRES_FOLDERS) for name in ("postgres", "initdb"))
    with _folder() as folder:
        data = str(folder / "data")
        initialise = [initdb, "--pgdata", data, "--username", "audit", "--auth", "trust", "--encoding", "UTF8"]
        with (folder / "initdb").open("wb") as printed:
            assert _start([*initialise, "--no-sync"], printed).wait() == 0, (folder / "initdb").read_text()
        port = _free_port()
        settings = {"port": str(port), "listen_addresses": LOOPBACK, "unix_socket_directories": "", "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with _running([server, "-D", data, *options], port, folder / "log", says=b"ready to accept connections"):
            yield f"postgresql://audit@{LOOPBACK}:{port}/postgres"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of an empty Redis: `redis://…`."""
    server = program("redis-server")
    with _folder() as folder:
        port = _free_port()
        options = ["--port", str(port), "--bind", LOOPBACK, "--dir", str(folder), "--save", "", "--appendonly", "no"]
        with _running([server, *options], port, folder / "log"):
            yield f"redis://{LOOPBACK}:{port}/0"


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that the unprivileged user can reach, which pytest's own cannot be."""
    with TemporaryDirectory(prefix="fastapi-audit-service-") as place:
        if owner := _unprivileged():
            os.chown(place, owner.pw_uid, owner.pw_gid)
        yield Path(place)


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom root becomes to start a server; `None` for everyone else, who stays who they are."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in UNPRIVILEGED if name in known)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


def _start(command: list[str], printed: IO[bytes]) -> subprocess.Popen[bytes]:
    owner = _unprivileged()
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=subprocess.STDOUT,
        env=PLAIN,
        user=owner and owner.pw_uid,
        group=owner and owner.pw_gid,
        extra_groups=[] if owner else None,
    )


@contextmanager
def _running(command: list[str], port: int, log: Path, says: bytes = b"") -> Iterator[None]:
    with log.open("wb") as printed:
        process = _start(command, printed)
        try:
            _wait(process, port, log, says)
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, says: bytes) -> None:
    """A port may be open before the server serves: PostgreSQL refuses while it starts up, and says when it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            if says in log.read_bytes():
                return
        time.sleep(0.05)
    pytest.fail(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}", pytrace=False)
