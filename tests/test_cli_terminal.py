"""What changes when somebody sits at a terminal."""

import os
import pty
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from command import APPLICATION, command, written
from fastapi_audit.checks import load


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return written(tmp_path / "service", {"main.py": APPLICATION})


def at_a_terminal(*arguments: str, cwd: Path, env: Mapping[str, str]) -> str:
    """What the command writes to a terminal, read while it writes."""
    parent, child = pty.openpty()
    chunks: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(parent, chunks))
    reader.start()
    try:
        command(*arguments, cwd=cwd, env=env, stdout=child)
    finally:
        os.close(child)
        reader.join()
        os.close(parent)
    return b"".join(chunks).decode().replace("\r\n", "\n")


def _drain(parent: int, chunks: list[bytes]) -> None:
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # the other end is closed
            return
        if not chunk:
            return
        chunks.append(chunk)


def test_a_terminal_gets_colour(service: Path) -> None:
    assert "\x1b[1m" in at_a_terminal("scan", cwd=service, env={"TERM": "xterm"})


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_a_terminal_that_wants_none_gets_none(service: Path, env: Mapping[str, str]) -> None:
    assert "\x1b" not in at_a_terminal("scan", cwd=service, env=env)


def test_machine_formats_are_the_same_at_a_terminal(service: Path) -> None:
    arguments = ("scan", "--output-format", "json")

    assert at_a_terminal(*arguments, cwd=service, env={"TERM": "xterm"}) == command(*arguments, cwd=service).out


def test_the_route_table_ends_at_the_edge(service: Path) -> None:
    out = at_a_terminal("routes", cwd=service, env={"TERM": "xterm", "COLUMNS": "60"})

    assert max(len(line) for line in out.split("\n")) <= 60


def test_explain_is_set_for_reading(tmp_path: Path) -> None:
    out = at_a_terminal("explain", load()[0].name, cwd=tmp_path, env={"TERM": "xterm"})

    assert "\x1b[" in out
    assert "```" not in out
