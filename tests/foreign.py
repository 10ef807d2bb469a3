"""Interpreters with another FastAPI than ours, each in a virtual environment of its own, installed from PyPI."""

import subprocess
import sys
import venv
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from services import missing

INSTALL_SECONDS = 150

Interpreter = Callable[[str], Path]
"""The interpreter that has this version of FastAPI; the test is skipped where PyPI is out of reach, unless CI=true."""


@pytest.fixture(scope="session")
def fastapi_of(tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    @cache
    def made(version: str) -> Path:
        folder = tmp_path_factory.mktemp("foreign") / version
        # Our pip installs over there: Debian's Python comes without ensurepip.
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        python = folder / "bin/python"
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", str(python)]
        done = subprocess.run(
            [*command, "install", f"fastapi=={version}", "itsdangerous<3", "slowapi<1", "sqlalchemy>=2,<3"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if done.returncode:
            printed = done.stdout.decode(errors="replace")
            missing(f"FastAPI {version} could not be installed from PyPI: {printed[-500:]}")
        return python

    return made
