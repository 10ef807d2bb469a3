"""Adopting the audit in a codebase that is not clean yet: accept, see what is new, forget what is gone."""

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

SECOND = """

@app.get("/second")
async def second() -> str:
    time.sleep(2)
    return "ok"
"""

SELECT = '[tool.fastapi-audit]\nselect = ["blocking-call", "print-in-app-code"]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(BLOCKING)
    (tmp_path / "pyproject.toml").write_text(SELECT)
    return tmp_path


def audit(project: Path, *arguments: str) -> Ran:
    return command(*arguments, cwd=project)


def file(project: Path) -> Path:
    return project / ".fastapi-audit-baseline.json"


def test_what_is_accepted_no_longer_fails(project: Path) -> None:
    assert audit(project, "scan").code == 1

    wrote = audit(project, "baseline", "write")
    assert (wrote.code, wrote.out) == (0, "")
    assert "1 finding accepted in" in wrote.err

    after = audit(project, "scan")
    assert after.code == 0
    assert "Hidden: 1 by baseline" in after.out


def test_a_new_finding_fails_and_the_old_one_stays_accepted_when_lines_move(project: Path) -> None:
    audit(project, "baseline", "write")
    (project / "main.py").write_text("# a line more\n\n" + BLOCKING + SECOND)
    after = audit(project, "scan", "--output-format", "concise")

    assert after.code == 1
    assert after.out.count("blocking-call") == 1
    assert "main.py:19:5" in after.out


def test_the_file_has_one_sorted_finding_on_a_line(project: Path) -> None:
    (project / "main.py").write_text(BLOCKING + SECOND)
    audit(project, "baseline", "write")
    first = file(project).read_text()
    audit(project, "baseline", "write")

    assert file(project).read_text() == first
    assert [line.count("fingerprint") for line in first.splitlines()] == [0, 0, 0, 1, 1, 0, 0]
    entries = json.loads(first)["findings"]
    assert entries == sorted(entries, key=lambda entry: (entry["rule"], entry["path"], entry["fingerprint"]))


def test_what_is_gone_is_said_and_pruned_and_nothing_is_added(project: Path) -> None:
    (project / "main.py").write_text(BLOCKING + SECOND)
    audit(project, "baseline", "write")
    (project / "main.py").write_text(BLOCKING.replace("    time.sleep(1)\n", "    print('hello')\n    time.sleep(1)\n"))

    scanned = audit(project, "scan")
    assert "one accepted finding is gone; `fastapi-audit baseline prune` removes" in scanned.err

    pruned = audit(project, "baseline", "prune")
    assert "1 finding removed from" in pruned.err
    assert [entry["rule"] for entry in json.loads(file(project).read_text())["findings"]] == ["blocking-call"]
    assert "accepted finding" not in audit(project, "scan").err


def test_of_a_rule_that_did_not_run_nothing_is_stale(project: Path) -> None:
    audit(project, "baseline", "write")
    (project / "main.py").write_text(BLOCKING.replace("time.sleep(1)", "pass"))

    assert "accepted finding" not in audit(project, "scan", "--select", "print-in-app-code").err


def test_fail_on_new_fails_for_the_mildest(project: Path) -> None:
    audit(project, "baseline", "write")
    assert audit(project, "scan", "--fail-on-new").code == 0

    (project / "main.py").write_text(BLOCKING.replace("    time.sleep(1)\n", "    time.sleep(1)\n    print('hello')\n"))
    assert audit(project, "scan", "--fail-on", "critical").code == 0
    assert audit(project, "scan", "--fail-on", "critical", "--fail-on-new").code == 1


def test_fail_on_new_without_a_baseline_is_refused(project: Path) -> None:
    ran = audit(project, "scan", "--fail-on-new")

    assert ran.code == 2
    assert "fastapi-audit baseline write" in ran.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", ":1: broken baseline:"),
        ("[]", "not written by `fastapi-audit baseline write`"),
        ('{"schema_version": "9", "findings": []}', "not written by"),
        ('{"schema_version": "1", "findings": [{"rule": 1, "path": "", "fingerprint": ""}]}', "not written by"),
    ],
)
def test_a_broken_file_is_one_clear_line(project: Path, text: str, said: str) -> None:
    file(project).write_text(text)
    ran = audit(project, "scan")

    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert ".fastapi-audit-baseline.json" in ran.err
    assert said in ran.err


def test_a_project_cannot_have_files_outside_itself_read_or_written(project: Path, tmp_path: Path) -> None:
    (project / "pyproject.toml").write_text(SELECT + 'baseline = "../elsewhere.json"\n')

    for ran in (audit(project, "scan"), audit(project, "baseline", "write")):
        assert ran.code == 2
        assert "outside the project" in ran.err
    assert not (tmp_path.parent / "elsewhere.json").exists()


def test_a_baseline_that_was_named_has_to_be_there(project: Path) -> None:
    assert audit(project, "scan", "--baseline", str(project / "none.json")).code == 2
    assert audit(project, "baseline", "prune").code == 2


def test_a_comment_without_a_reason_silences_nothing_where_reasons_are_required(project: Path) -> None:
    (project / "pyproject.toml").write_text(SELECT + "require-reasons = true\n")
    ignored = BLOCKING.replace("time.sleep(1)", "time.sleep(1)  # fastapi-audit: ignore[blocking-call]")
    (project / "main.py").write_text(ignored)
    bare = audit(project, "scan")
    (project / "main.py").write_text(ignored.replace("[blocking-call]", "[blocking-call] measured: 1 ms"))
    reasoned = audit(project, "scan")

    assert bare.code == 1
    assert "gives no reason" in bare.err
    assert reasoned.code == 0


def test_a_file_that_is_too_large_is_no_baseline(project: Path) -> None:
    with (project / "huge.json").open("wb") as file:
        file.truncate(50_000_001)

    ran = command("scan", "--baseline", "huge.json", cwd=project)

    assert (ran.code, ran.out) == (2, "")
    assert ran.last_line == "error: huge.json: larger than 50,000,000 bytes; this is no baseline"


def test_what_a_crashed_rule_left_out_is_no_baseline(project: Path) -> None:
    rule = "name: no-call\nitem: 2\nseverity: low\nmessage: no\nrule: {pattern: f($X)}\n"
    (project / "audit-rules").mkdir()
    (project / "audit-rules" / "a.yml").write_text(rule)
    (project / "pyproject.toml").write_text('[tool.fastapi-audit]\nselect = ["no-call"]\nrules = ["audit-rules"]\n')
    (project / "main.py").write_text(BLOCKING + "f(1)\n" * 10_001)

    ran = command("baseline", "write", cwd=project)

    assert ran.code == 3
    assert ran.last_line.startswith("error: a rule crashed, so the findings are not whole")
    assert not (project / ".fastapi-audit-baseline.json").exists()
