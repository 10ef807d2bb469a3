"""Ctrl-C is one clear line and code 130, also while the command is still being imported."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command import APPLICATION, KEPT, SECONDS, written

MODULES = ["fastapi_audit.model", "fastapi_audit.errors", "fastapi_audit.repeating", "fastapi_audit.scoring", "typer"]
TIMING = "import time:"
"""What Python says with `-X importtime` as soon as a module has been imported, and nothing else does."""


@pytest.mark.parametrize("module", MODULES)
def test_ctrl_c_while_the_command_is_imported(tmp_path: Path, module: str) -> None:
    written(tmp_path / "service", {"main.py": APPLICATION})
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "fastapi_audit", "scan", "--no-cache"],
        cwd=tmp_path / "service",
        env=kept | {"XDG_CACHE_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if line.rstrip().endswith(f" {module}"):
                child.send_signal(signal.SIGINT)
                break
        out, err = child.communicate(timeout=SECONDS)

    said = [line for line in err.splitlines() if not line.startswith(TIMING)]
    assert (child.returncode, said, out) == (130, ["error: interrupted"], "")
