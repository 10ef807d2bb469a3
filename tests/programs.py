"""Programs of other people that came with a package, wherever that package lies."""

import subprocess
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

SECONDS = 150


def program(name: str, package: str | None = None) -> str:
    """The path of a command that an installed distribution brought along."""
    files = distribution(package or name).files or []
    (found,) = (file for file in files if file.name == name and file.parent.name == "bin")
    return str(Path(str(found.locate())).resolve())


def ran(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs it to its end; its two streams as one text."""
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SECONDS,
    )
