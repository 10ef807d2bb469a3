"""An application that cannot be started, or asked, is named as that."""

import sys
from pathlib import Path

import pytest

from fastapi_audit.errors import UsageError
from fastapi_audit.evidence.live.launch import Launch
from fastapi_audit.evidence.live.probing import Start
from fastapi_audit.evidence.live.starting import description_of, sockets_of, started

BROKEN = "raise RuntimeError('no database')"


def test_an_interpreter_that_is_none_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("no program")
    python.chmod(0o755)

    with (
        pytest.raises(UsageError, match="python cannot be run: Exec format error"),
        started(Start("main:app", tmp_path, python), 5),
    ):
        pytest.fail("it runs")


def test_an_application_that_cannot_be_imported_has_neither_description_nor_sockets(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(BROKEN)

    assert description_of(Launch("main:app", tmp_path), 20) == b""
    assert sockets_of(Start("main:app", tmp_path, Path(sys.executable)), 20) is None
