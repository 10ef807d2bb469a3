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


READING = """
import os
import requests
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def read() -> str:
    state = app.state
    first = requests.get(os.getenv("A")).json()
    if first:
        state.kept = requests.post(first)
    del first
    return os.getenv("B")
"""


def test_a_body_gives_its_calls_in_the_order_of_the_source(tmp_path: Path) -> None:
    (function,) = project(tmp_path, main=READING).source.functions
    found = function.calls_to("os.getenv", "requests.*")

    assert [c.text for c in found if c.method != "json"] == [
        'requests.get(os.getenv("A"))',
        'os.getenv("A")',
        "requests.post(first)",
        'os.getenv("B")',
    ]
    assert function.calls_to("requests.put", "os.*") == function.calls_to("os.getenv")


def test_a_body_gives_what_a_rule_looks_at_and_nothing_else(tmp_path: Path) -> None:
    source = project(tmp_path, main=READING).source
    (function,) = source.functions

    assert [e.text for e in function.attributes_named("state", "kept")] == ["app.state", "state.kept"]
    assert [s.kind for s in function.statements_of("delete", "return", "if")] == ["if", "delete", "return"]
    assert function.statements_of("raise") == []
    assert function.expressions_of("lambda") == []


def test_a_name_that_a_function_imports_differently_is_found(tmp_path: Path) -> None:
    code = "def late():\n    from structlog import configure as set_up\n    set_up()\n"
    source = project(tmp_path, main=f"{MAIN}\n{code}").source

    assert [c.method for c in source.calls_to("structlog.configure")] == ["set_up"]


def test_texts_are_those_that_say_a_word(tmp_path: Path) -> None:
    found = project(tmp_path, main=READING, serve=SETUP).python_texts("configure")

    assert [text.strip() for text in found] == [SETUP.strip()]
