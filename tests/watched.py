"""The command under a watch of Python's own: every file, import, process and connection that it asks for is noted."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from command import KEPT, ORDINARY, SECONDS, Ran, written

# What installers write as `fastapi-audit`; unlike `python -m` it does not put the current folder on the path.
LAUNCHER = """\
import sys
from fastapi_audit.__main__ import main
sys.exit(main())
"""

WATCH = """\
import os, sys

log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def note(kind, what):
    os.write(log, f"{kind}\\t{what!r}\\n".encode("utf-8", "backslashreplace"))


def hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, (str, bytes)):
            note("write" if flags & WRITES else "read", os.path.realpath(os.fsdecode(path)))
    elif event in ("os.listdir", "os.scandir"):
        if not isinstance(arguments[0], int):
            note("read", os.path.realpath(os.fsdecode(arguments[0] or ".")))
    elif event == "sqlite3.connect":
        note("write", os.path.realpath(os.fsdecode(arguments[0])))
    elif event in ("os.rename", "os.remove", "os.mkdir", "os.symlink", "os.link", "os.chmod", "os.rmdir"):
        note("write", os.path.realpath(os.fsdecode(arguments[1 if event in ("os.rename", "os.symlink") else 0])))
    elif event == "exec":
        name = getattr(arguments[0], "co_filename", "")
        note("exec", name if name.startswith("<") else os.path.realpath(name))
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile", "pty.spawn"):
        note("process", arguments)
    elif event in ("socket.connect", "socket.bind", "socket.getaddrinfo"):
        note("network", arguments[1:])


sys.addaudithook(hook)
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the command answered, and what it asked the system for: (kind, path or arguments)."""

    ran: Ran
    noted: tuple[tuple[str, str], ...]

    def below(self, folder: Path, *kinds: str) -> list[tuple[str, str]]:
        """What was done to a folder or to what is in it."""
        real = os.path.realpath(folder)
        return [
            (kind, path)
            for kind, path in self.noted
            if kind in kinds and (path == real or path.startswith(real + os.sep))
        ]

    def outside(self, *folders: Path) -> list[str]:
        """What was written anywhere else than in these folders."""
        allowed = tuple(os.path.realpath(folder) for folder in folders)
        return [path for kind, path in self.noted if kind == "write" and not path.startswith((*allowed, os.devnull))]


def watched(*arguments: str | Path, cwd: Path, home: Path, seconds: float = SECONDS) -> Watched:
    """Runs the installed command in a folder, with a home of its own."""
    tools = written(home.parent / "watch", {"sitecustomize.py": WATCH, "launch/fastapi-audit": LAUNCHER})
    log = tools / "log.txt"
    log.unlink(missing_ok=True)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    inherited = [kept["PYTHONPATH"]] if "PYTHONPATH" in kept else []
    kept.pop("COVERAGE_PROCESS_CONFIG", None)  # the count would be taken for a file of ours
    environment = kept | {
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(tools), *inherited]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "WATCH_LOG": str(log),
    }
    done = subprocess.run(
        [*ORDINARY, sys.executable, str(tools / "launch/fastapi-audit"), *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        check=False,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
    )
    ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    lines = (line.partition("\t") for line in log.read_text().splitlines())
    return Watched(ran, tuple((kind, what.strip("'\"")) for kind, _, what in lines))
