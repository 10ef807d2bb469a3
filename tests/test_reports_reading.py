"""What another hand wrote into a scorecard is refused by name before it can stand in a report."""

import json
from pathlib import Path
from typing import Any

import pytest

from fastapi_audit.errors import UsageError
from fastapi_audit.model import Suppression
from fastapi_audit.reports import Look
from fastapi_audit.reports.json import render
from fastapi_audit.reports.reading import read_scorecard
from small_project import finding, material


@pytest.fixture
def document() -> Any:
    return json.loads(render(material(finding(suppressed=Suppression("comment", "known"))), Look()))


def read(folder: Path, document: Any) -> None:
    (folder / "scan.json").write_text(json.dumps(document))
    read_scorecard(folder / "scan.json")


def test_a_scorecard_is_read(tmp_path: Path, document: Any) -> None:
    read(tmp_path, document)


def test_what_was_not_resolved_is_read(tmp_path: Path, document: Any) -> None:
    document["unresolved"] = [{"kind": "file", "message": "a.py cannot be read", "location": None}]
    (tmp_path / "scan.json").write_text(json.dumps(document))

    assert [each.message for each in read_scorecard(tmp_path / "scan.json").unresolved] == ["a.py cannot be read"]


def test_a_finding_of_a_rule_that_is_not_listed_is_refused(tmp_path: Path, document: Any) -> None:
    document["findings"][0]["rule"] = "another-rule"
    with pytest.raises(UsageError, match=r"scan\.json: a finding names the rule 'another-rule', which is not among"):
        read(tmp_path, document)


def test_a_file_that_is_too_large_is_no_scorecard(tmp_path: Path) -> None:
    with (tmp_path / "scan.json").open("wb") as file:
        file.truncate(64_000_001)
    with pytest.raises(UsageError, match=r"larger than 64,000,000 bytes; this is no scorecard"):
        read_scorecard(tmp_path / "scan.json")


def test_a_route_of_another_kind_is_refused(tmp_path: Path, document: Any) -> None:
    document["routes"][0]["kind"] = "|\n"
    with pytest.raises(UsageError, match=r"`routes\.0\.kind`"):
        read(tmp_path, document)


def test_a_suppression_of_another_kind_is_refused(tmp_path: Path, document: Any) -> None:
    document["findings"][0]["suppressed"]["kind"] = "x"
    with pytest.raises(UsageError, match=r"`findings\.0\.suppressed\.kind`"):
        read(tmp_path, document)


@pytest.mark.parametrize("fingerprint", ["", "0" * 31, "0" * 32 + "\n", "G" * 32])
def test_a_fingerprint_that_is_none_is_refused(tmp_path: Path, document: Any, fingerprint: str) -> None:
    document["findings"][0]["fingerprint"] = fingerprint
    with pytest.raises(UsageError, match=r"`findings\.0\.fingerprint`"):
        read(tmp_path, document)
