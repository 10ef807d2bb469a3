"""`scan` starts fast: what it does not need, it does not import."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastapi_audit.cli.application import COMMANDS, GROUPS

HEAVY = {
    "asyncio",
    "fastapi",
    "httpx",
    "jinja2",
    "libcst",
    "pydantic",
    "rich",
    "schemathesis",
    "ssl",
    "starlette",
    "websockets",
}

APPLICATION = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def home() -> str:
    return ""
"""

# Typer imports some of its own only when a command with options runs.
BARE = """
from enum import StrEnum
from pathlib import Path
import typer
application = typer.Typer(rich_markup_mode=None)
@application.command()
def scan(path: Path, flag: bool = False, kind: StrEnum("Kind", "a b") = "a", many: list[str] = [], number: float = 0):
    pass
application()
"""

# Typer may have imported a library before us: the statement is what counts, not the loading.
WATCHED = """
import builtins, sys
real = builtins.__import__
def watched(name, globals=None, *rest, **named):
    if globals and (globals.get("__name__") or "").startswith("fastapi_audit"):
        print("imported by us:", name, file=sys.stderr)
    return real(name, globals, *rest, **named)
builtins.__import__ = watched
from fastapi_audit.__main__ import main
main()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(APPLICATION)
    return tmp_path


def scan(output_format: str) -> list[str]:
    return ["scan", "--no-cache", "--output-format", output_format, "."]


def printed_after(mark: str, arguments: list[str], cwd: Path) -> Iterator[str]:
    run = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stderr[-2000:]
    return (line.removeprefix(mark).strip() for line in run.stderr.splitlines() if line.startswith(mark))


def loaded(arguments: list[str], cwd: Path) -> set[str]:
    lines = printed_after("import time:", ["-X", "importtime", *arguments], cwd)
    return {line.rpartition("|")[2].strip() for line in lines}


def heavy(modules: set[str]) -> set[str]:
    return {module for module in modules if module.partition(".")[0] in HEAVY}


@pytest.mark.parametrize("output_format", ["text", "concise", "json", "sarif"])
def test_scan_loads_nothing_heavy_beyond_what_typer_does(project: Path, output_format: str) -> None:
    ours = loaded(["-m", "fastapi_audit", *scan(output_format)], project)
    bare = loaded(["-c", BARE, "."], project)

    assert "fastapi_audit.audit" in ours
    assert {module.partition(".")[0] for module in heavy(ours)} <= {module.partition(".")[0] for module in heavy(bare)}


@pytest.mark.parametrize("output_format", ["text", "concise", "json", "sarif"])
def test_no_module_of_ours_imports_anything_heavy_for_a_scan(project: Path, output_format: str) -> None:
    modules = set(printed_after("imported by us:", ["-c", WATCHED, *scan(output_format)], project))

    assert "fastapi_audit.audit" in modules
    assert heavy(modules) == set()


def test_a_command_that_is_not_asked_for_is_not_imported(project: Path) -> None:
    scanned = loaded(["-m", "fastapi_audit", *scan("text")], project)
    version = loaded(["-m", "fastapi_audit", "--version"], project)

    # Of modules that are imported by name, only what they import in turn is listed.
    assert "fastapi_audit.reusing" in scanned
    assert "fastapi_audit.cli.probing" not in scanned
    assert "fastapi_audit.cli.application" in version
    assert not version & {"fastapi_audit.reusing", "fastapi_audit.evidence.live", "fastapi_audit.rule"}


def test_help_names_every_command(project: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "fastapi_audit", "--help"], cwd=project, capture_output=True, text=True, check=True
    )

    listed = {line.split()[0] for line in run.stdout.partition("Commands:")[2].splitlines() if line.startswith("  ")}
    assert {*COMMANDS, *GROUPS} <= listed
