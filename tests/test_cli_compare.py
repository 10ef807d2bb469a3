"""What has changed since an earlier scorecard, in the terminal and on the page."""

import json
from pathlib import Path

import pytest

from command import Ran, command

BLOCKING = """
import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def home() -> str:
    time.sleep(1)
    return "ok"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.py").write_text(BLOCKING)
    return folder


def scan(project: Path, *options: str) -> Ran:
    return command("scan", ".", "--select", "blocking-call,print-in-app-code", "--exit-zero", *options, cwd=project)


def test_what_came_and_what_went_is_said(project: Path) -> None:
    scan(project, "--report", "json=../before.json")
    (project / "main.py").write_text(BLOCKING.replace("time.sleep(1)", "print(time.time())"))
    after = scan(project, "--compare", "../before.json", "--report", "html=../after.html")

    assert " since the last report (" in after.out
    assert ", 1 new, 1 gone" in after.out
    page = (project.parent / "after.html").read_text("utf-8")
    assert "Since the last report" in page


def test_an_earlier_report_without_a_score_is_compared_by_its_findings(project: Path) -> None:
    scan(project, "--report", "json=../before.json")
    before = json.loads((project.parent / "before.json").read_text())
    for rule in before["rules"]:
        rule["outcome"] = "not-run"
    (project.parent / "before.json").write_text(json.dumps(before))

    assert "since the last report: 0 new, 0 gone" in scan(project, "--compare", "../before.json").out


def test_nothing_changed(project: Path) -> None:
    scan(project, "--report", "json=../before.json")

    assert "+0 since the last report" in scan(project, "--compare", "../before.json").out
    assert "since the last report" not in scan(project).out


def test_a_file_that_is_no_scorecard_is_refused_before_anything_is_read(project: Path) -> None:
    (project.parent / "before.json").write_text("{}")
    ran = scan(project, "--compare", "../before.json")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "before.json" in ran.err
