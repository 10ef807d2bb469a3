"""Every import contract holds, and each of them notices a violation."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LINT = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"

PLANTED = {
    "layers": ("model.py", "import fastapi_audit.rule"),
    "rules-speak-fastapi": ("checks/websockets/planted.py", "import ast"),
    "rules-are-independent": ("checks/websockets/planted.py", "import fastapi_audit.checks.streaming.planted"),
    "evidence-alone-reaches-out": ("rule.py", "import subprocess"),
    "project-stays-outside": ("evidence/source/planted.py", "import fastapi"),
    "terminal": ("reports/concise.py", "import rich"),
    "templates": ("reports/terminal.py", "import jinja2"),
    "rewriting": ("evidence/source/planted.py", "import libcst"),
    "patterns": ("fixing.py", "import ast_grep_py"),
    "syntax-trees": ("suppressing.py", "import ast"),
    "edges": ("model.py", "import pydantic"),
}
"""Contract → a module and the import that breaks it."""


def contracts() -> list[dict[str, Any]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: list[dict[str, Any]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src/fastapi_audit/checks/streaming/planted.py").touch()
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "-c", LINT, "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_contract_holds(copy: Path) -> None:
    run = lint(copy)

    assert run.returncode == 0, run.stdout
    assert f"Contracts: {len(contracts())} kept, 0 broken." in run.stdout


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTED) == {contract["id"] for contract in contracts()}


def test_a_module_without_a_layer_is_noticed(copy: Path) -> None:
    (copy / "src/fastapi_audit/homeless.py").touch()

    run = lint(copy)

    assert run.returncode == 1
    assert "fastapi_audit.homeless" in run.stdout


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract["id"])
def test_a_violation_breaks_its_contract(contract: dict[str, Any], copy: Path) -> None:
    module, violation = PLANTED[contract["id"]]
    with (copy / "src/fastapi_audit" / module).open("a") as source:
        source.write(f"\n{violation}\n")

    run = lint(copy)

    assert run.returncode == 1
    assert f"{contract['name']} BROKEN" in run.stdout
    assert violation.rpartition("import ")[2] in run.stdout.partition("Broken contracts")[2]
