"""GitLab's Code Quality report: the fields that GitLab asks for, with values that it takes."""

import json

from fastapi_audit.model import Severity
from fastapi_audit.reports import Look
from fastapi_audit.reports.gitlab import render
from hostile import TEXT
from small_project import finding, material


def test_an_entry_has_what_gitlab_reads() -> None:
    [entry] = json.loads(render(material(finding(operation="GET /socket"), root="./service"), Look()))

    assert entry == {
        "description": "GET /socket: `accept` serves anyone",
        "check_name": "open-socket",
        "fingerprint": "0" * 32,
        "severity": "critical",
        "location": {"path": "service/app/main.py", "positions": {"begin": {"line": 2, "column": 5}}},
    }


def test_every_severity_is_one_of_gitlabs() -> None:
    entries = json.loads(render(material(*(finding(severity=severity) for severity in Severity)), Look()))

    assert {entry["severity"] for entry in entries} == {"minor", "major", "critical", "blocker"}


def test_a_clean_project_is_an_empty_list() -> None:
    assert json.loads(render(material(), Look())) == []


def test_control_characters_are_written_out() -> None:
    [entry] = json.loads(render(material(finding(TEXT)), Look()))

    assert "\x1b" not in entry["description"]
    assert "\n" not in entry["description"]
