"""The comparison of two scans: every finding that came or went is told, and nothing that stayed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.changes.__main__ import main
from benchmarks.changes.comparing import SHOWN, Changes

from command import APPLICATION, written

Place = tuple[str, str, int]
BLOCKING = APPLICATION.replace("    return []", "    time.sleep(1)\n    return []").replace(
    "from", "import time\n\nfrom", 1
)


def card(places: Iterable[Place], *, hidden: str = "", outcome: str = "fail", routes: int = 3) -> dict[str, Any]:
    found = [
        {
            "rule": rule,
            "location": {"path": path, "line": line} if path else None,
            "suppressed": {"kind": hidden} if hidden else None,
        }
        for rule, path, line in places
    ]
    rules = [{"name": "bare-except", "outcome": outcome}]
    return {"findings": found, "rules": rules, "routes": [{}] * routes}


def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return list(Changes.between(before, after).lines())


def test_nothing_is_told_of_what_stayed() -> None:
    same = card([("bare-except", "a.py", 3), ("bare-except", "a.py", 3), ("no-metrics", "", 0)])

    assert not Changes.between(same, same)
    assert told(same, same) == []


def test_what_came_and_what_went_is_told_by_rule_the_greatest_loss_first() -> None:
    before = card([("a-rule", "a.py", 1), ("b-rule", "a.py", 3), ("b-rule", "b.py", 4), ("c-rule", "", 0)])
    after = card([("a-rule", "a.py", 2), ("c-rule", "", 0)])

    assert told(before, after) == [
        "  b-rule: 2 lost, 0 added",
        "    - a.py:3",
        "    - b.py:4",
        "  a-rule: 1 lost, 1 added",
        "    - a.py:1",
        "    + a.py:2",
    ]


def test_the_second_finding_of_a_line_is_missed_too() -> None:
    twice = [("a-rule", "a.py", 1)] * 2

    assert told(card(twice), card(twice[:1])) == ["  a-rule: 1 lost, 0 added", "    - a.py:1"]


def test_a_finding_that_is_hidden_from_now_on_is_lost() -> None:
    place = [("a-rule", "a.py", 1)]

    assert told(card(place), card(place, hidden="confidence")) == [
        "  a-rule: 1 lost, 1 added",
        "    - a.py:1",
        "    + a.py:1 (hidden by confidence)",
    ]


def test_outcomes_and_routes_are_compared_where_no_finding_tells() -> None:
    before, after = card([], outcome="pass"), card([], outcome="not-run", routes=2)

    assert told(before, after) == ["  3 routes before, 2 now", "  bare-except: was pass, is not-run"]
    assert Changes.between(before, after)


def test_a_long_list_is_cut_and_counted() -> None:
    lines = told(card(("a-rule", "a.py", line) for line in range(SHOWN + 5)), card([]))

    assert lines[0] == f"  a-rule: {SHOWN + 5} lost, 0 added"
    assert (len(lines), lines[-1]) == (SHOWN + 2, "    - and 5 more")


def test_the_command_ends_with_1_until_what_it_found_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "corpus" / "hayhooks", {"main.py": APPLICATION})
    command = ["hayhooks", "--corpus", str(tmp_path / "corpus"), "--against", str(tmp_path / "kept")]

    assert main(command) == 1
    assert main([*command, "--keep"]) == 0
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().out == "hayhooks: as it was\nnothing differs\n"

    written(tmp_path / "corpus" / "hayhooks", {"main.py": BLOCKING})
    assert main(command) == 1
    assert "  blocking-call: 0 lost, 1 added\n    + main.py:10\n" in capsys.readouterr().out


def test_a_tree_that_cannot_be_scanned_is_no_agreement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path / "corpus" / "hayhooks", {"main.py": "x = 1\n"})

    assert main(["hayhooks", "--corpus", str(tmp_path / "corpus"), "--against", str(tmp_path)]) == 1
    assert "no FastAPI application found" in capsys.readouterr().err
