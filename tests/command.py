"""The public command in a process of its own, as a user or CI runs it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60

ORDINARY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""In front of a command: root too obeys the permissions of files then."""

KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR", "COVERAGE_PROCESS_CONFIG")
"""No setting of the machine that runs the tests reaches the command, but that its branches are to be counted."""

APPLICATION = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/users")
async def users() -> list[str]:
    return []
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What the command answered."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.err.rstrip("\n").split("\n")[-1]


def command(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE
) -> Ran:
    """Runs `fastapi-audit` with a cache of its own."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    done = subprocess.run(
        [*ORDINARY, sys.executable, "-m", "fastapi_audit", *map(str, arguments)],
        cwd=cwd,
        env=kept | {"XDG_CACHE_HOME": str(cwd.parent / "cache"), "PYTHONUTF8": "1"} | dict(env or {}),
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())


def written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """The folder, with these files in it."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def plugin(folder: Path, module: str, source: str) -> Mapping[str, str]:
    """Installs one more rule of item 7 in a folder of its own; the environment in which the command sees it."""
    written(
        folder,
        {
            "more_rules-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: more-rules\nVersion: 1.0\n",
            "more_rules-1.0.dist-info/entry_points.txt": "[fastapi_audit.rules]\nmore = more_rules\n",
            "more_rules/__init__.py": "",
            "more_rules/websockets/__init__.py": "",
            f"more_rules/websockets/{module}.py": source,
        },
    )
    inherited = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    return {"PYTHONPATH": os.pathsep.join([str(folder), *inherited])}
