"""The wheel is what users get: both commands, all of the package and nothing beside it."""

import os
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

from command import APPLICATION
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


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of an environment that has the wheel, what it requires, and nothing else."""
    home = tmp_path_factory.mktemp("fresh") / "venv"
    # A pip from elsewhere installs into it too: not every Python can make one.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = str(home / "bin" / "python")
    installing = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*installing, str(wheel)], check=True)
    return home / "bin"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_fresh_environment_without_extras_scans_and_renders(fresh: Path, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": f"{fresh}:/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONWARNINGS": "error", "PYTHONUTF8": "1"}
        command = [str(fresh / "fastapi-audit"), *words]
        return subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True, check=False, timeout=60)

    absent = [str(fresh / "python"), "-c", "import fastapi"]
    assert subprocess.run(absent, capture_output=True, check=False).returncode == 1, "FastAPI is not there"
    app = str(ROOT / "sample_apps" / "prototype")

    scan = run("scan", app, "--report", "json=card.json", "--report", "sarif=audit.sarif", "--output-format", "concise")
    report = run("report", "card.json", "--output-format", "html", "--exit-zero")
    explained = run("explain", "blocking-call")
    started = run("init", ".")

    assert scan.returncode == 1, scan.stderr
    assert len(scan.stdout.splitlines()) > 50
    assert report.returncode == 0, report.stderr
    assert report.stdout.rstrip().endswith("</html>")
    assert explained.returncode == 0, explained.stderr
    assert (started.returncode, started.stdout.count("wrote  ")) == (0, 3), started.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_probe_without_its_extra_says_what_to_install(fresh: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(APPLICATION)
    command = [str(fresh / "fastapi-audit"), "probe", "--app", "main:app", "--python", str(fresh / "python")]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    assert run.returncode in (2, 3)
    assert "Traceback" not in run.stderr
    assert "install" in run.stderr


def _metadata(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (entry for entry in archive.namelist() if entry.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()
