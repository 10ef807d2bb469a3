"""What other programs run us by: the pre-commit hook and the GitHub action, with their own words."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from command import APPLICATION
from pages import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.py").write_text(APPLICATION)
    return folder


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the command in it, where the action's first step would have installed it."""
    programs = tmp_path / "fastapi-audit" / "bin"
    programs.mkdir(parents=True)
    program = programs / "fastapi-audit"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m fastapi_audit "$@"\n')
    program.chmod(0o755)
    return programs


def document(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def step(name: str) -> dict[str, Any]:
    (found,) = (step for step in document("action.yml")["runs"]["steps"] if step["name"] == name)
    assert isinstance(found, dict)
    return found


def scan_step(installed: Path, path: str, folder: Path) -> tuple[int, str]:
    """Runs the shell text of the action's scan step; its exit code and what it gave as output."""
    output = folder / "output"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RUNNER_TEMP": str(installed.parents[1]),
        "GITHUB_OUTPUT": str(output),
        "TARGET": path,
        "FAIL_ON": "low",
        "SARIF_FILE": "out.sarif",
        "JSON_FILE": "out.json",
    }
    run = subprocess.run(
        ["/usr/bin/env", "bash", "-e", "-c", step("Scan")["run"]], cwd=folder, env=environment, check=False
    )
    return run.returncode, output.read_text()


def test_the_hook_runs_without_file_names(project: Path, installed: Path) -> None:
    (hook,) = document(".pre-commit-hooks.yaml")
    environment = {**os.environ, "PATH": f"{installed}:{os.environ['PATH']}"}

    run = subprocess.run(shlex.split(hook["entry"]), cwd=project, env=environment, capture_output=True, check=False)

    assert run.returncode in (0, 1), run.stderr
    assert hook["pass_filenames"] is False


def test_the_hook_looks_when_a_file_that_matters_is_staged() -> None:
    (hook,) = document(".pre-commit-hooks.yaml")
    matter = ["app/main.py", "Dockerfile", "deploy/Dockerfile.prod", "compose.yaml", "requirements-dev.txt", "uv.lock"]

    staged = [*matter, "README.md", "docs/notes.txt", "app/Dockerfiles/notes.md"]

    assert [path for path in staged if re.search(hook["files"], path)] == matter


def test_the_action_writes_both_reports_and_says_its_exit_code(project: Path, installed: Path) -> None:
    code, output = scan_step(installed, ".", project)

    assert code in (0, 1)
    assert output == f"exit-code={code}\n"
    assert (project / "out.sarif").is_file()
    assert (project / "out.json").is_file()


def test_the_action_fails_where_there_is_nothing_to_audit(project: Path, installed: Path) -> None:
    code, output = scan_step(installed, "nowhere", project)

    assert code == 2
    assert output == "exit-code=2\n"


def test_no_text_from_outside_becomes_code_of_the_action() -> None:
    steps = document("action.yml")["runs"]["steps"]

    assert [step["name"] for step in steps if "${{" in step["run"]] == []
    assert set(step("Scan")["env"]) == {"TARGET", "FAIL_ON", "SARIF_FILE", "JSON_FILE"}


def test_the_action_keeps_to_its_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions"]

    run = subprocess.run([*command, str(ROOT / "action.yml")], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout
