"""The wheel is what users get: both commands, all of the package and nothing beside it."""

import os
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

from fastapi_audit import __version__
from pages import ROOT

SOURCE = ROOT / "src"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_both_commands(wheel: Path) -> None:
    scripts = ConfigParser()
    scripts.read_string(_metadata(wheel, "entry_points.txt"))

    assert dict(scripts["console_scripts"]) == {
        "fastapi-audit": "fastapi_audit.__main__:main",
        "fastapi-audit-cli": "fastapi_audit.__main__:main",
    }


def test_the_wheel_has_the_whole_package_and_nothing_beside_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    here = {str(file.relative_to(SOURCE)) for file in (SOURCE / "fastapi_audit").rglob("*") if file.is_file()}
    assert packed == {name for name in here if "__pycache__" not in name}
    assert "fastapi_audit/py.typed" in packed


def test_the_metadata_bounds_every_dependency_and_names_the_licence(wheel: Path) -> None:
    metadata = Parser().parsestr(_metadata(wheel, "METADATA"))
    required = metadata.get_all("Requires-Dist") or []

    assert metadata["Name"] == "fastapi-audit-cli"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert len(required) >= 9
    assert [requirement for requirement in required if ">=" not in requirement or "<" not in requirement] == []
    assert not any(name in requirement for requirement in required for name in ("fastapi>", "starlette"))


def test_the_installed_wheel_answers(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)

    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "fastapi_audit", "--version"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

    assert run.stdout == f"fastapi-audit {__version__}\n"


def _metadata(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (entry for entry in archive.namelist() if entry.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()
