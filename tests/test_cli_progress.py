"""The line that says what a probe is doing: only where somebody watches."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from command import KEPT
from raw_server import always, answering, whole


def watched(url: str, cwd: Path) -> str:
    """What a terminal as stderr gets to see."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fastapi_audit", "probe", url, "--max-time", "10", "--output-format", "json"],
        cwd=cwd,
        env={name: os.environ[name] for name in KEPT if name in os.environ},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    # Linux answers EIO once the other side has gone.
    try:
        while part := os.read(ours, 65_536):
            shown += part
    except OSError:
        pass
    os.close(ours)
    process.wait(30)
    return shown.decode()


def test_a_terminal_sees_what_is_done_and_then_nothing_of_it(tmp_path: Path) -> None:
    with answering(always(whole(b"<html>hello</html>"))) as server:
        shown = watched(server.url, tmp_path)

    lines = shown.split("\r\x1b[K")
    assert "probing: reading the description of the service · 0 requests · 10 s left" in lines
    assert any(line.startswith("probing: cross origin answer · ") for line in lines)
    assert lines[-1] == ""
