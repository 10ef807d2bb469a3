"""Where calls are looked for: in the application, or in every file."""

from pathlib import Path
from textwrap import dedent

from fastapi_audit.evidence import Gathering, Project, gather

MAIN = """
from fastapi import FastAPI

app = FastAPI()
"""
SETUP = """
import structlog as logs
from structlog import configure as set_up

def start() -> None:
    set_up(processors=[])

logs.configure_once()
"""


def project(folder: Path, **files: str) -> Project:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return gather(Gathering(folder, use_cache=False))


def test_calls_anywhere_are_found_in_files_that_nothing_imports(tmp_path: Path) -> None:
    source = project(tmp_path, main=MAIN, serve=SETUP).source
    found = source.calls_anywhere("structlog.configure", "structlog.configure_once")

    assert sorted((c.file.path, c.name) for c in found) == [
        ("serve.py", "structlog.configure"),
        ("serve.py", "structlog.configure_once"),
    ]
    assert source.calls_to("structlog.configure") == []


def test_calls_anywhere_are_not_found_in_tests_or_by_another_name(tmp_path: Path) -> None:
    source = project(
        tmp_path,
        main=MAIN,
        tests__test_logs=SETUP,
        own="def configure() -> None: ...\n\nconfigure()\n",
    ).source

    assert source.calls_anywhere("structlog.configure", "structlog.configure_once") == []


def test_a_file_that_cannot_be_parsed_has_no_calls(tmp_path: Path) -> None:
    source = project(tmp_path, main=MAIN, broken=f"{SETUP}\ndef (:\n").source

    assert source.calls_anywhere("structlog.configure") == []
