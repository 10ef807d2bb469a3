"""`fastapi-audit score`: the constants that are printed are those that count."""

import json
import re
from dataclasses import fields
from pathlib import Path

from command import APPLICATION, command, written
from fastapi_audit.checklist import ITEMS
from fastapi_audit.scoring import CONSTANTS, MODEL


def explained(folder: Path) -> dict[str, str]:
    lines = command("score", "--explain", cwd=folder).out.splitlines()
    return dict(re.split(r"  +", line, maxsplit=1) for line in lines if "  " in line)


def test_every_constant_is_printed_with_its_value(tmp_path: Path) -> None:
    told = explained(tmp_path)

    assert told["scoring-model"] == str(MODEL)
    assert told["steepness"] == f"{CONSTANTS.steepness:g}"
    assert {f"severity {name}": f"{value:g}" for name, value in CONSTANTS.severity.items()}.items() <= told.items()
    for field in fields(CONSTANTS):
        assert any(name.startswith(field.name.replace("_", "-")) for name in told), field.name
    assert [told[f"weight of item {item.number}"] for item in ITEMS] == [f"{i.weight:g}  {i.title}" for i in ITEMS]


def test_the_formula_names_only_constants_that_there_are(tmp_path: Path) -> None:
    formula = command("score", "--explain", cwd=tmp_path).out.partition("\n\n")[0]

    for name in ("severity", "presence", "fewest-subjects", "steepness"):
        assert name in formula
        assert any(key.startswith(name) for key in explained(tmp_path))


def test_the_score_of_a_scorecard_is_said_in_one_line(tmp_path: Path) -> None:
    project = written(tmp_path / "project", {"main.py": APPLICATION})
    command("scan", "--exit-zero", "--report", "json=card.json", cwd=project)
    card = json.loads((project / "card.json").read_text())

    ran = command("score", "card.json", cwd=project)

    assert ran.code == 0
    assert ran.out.startswith(f"card.json: {card['score']} / 100, {card['grade']}, coverage ")


def test_a_scorecard_without_a_score_says_so(tmp_path: Path) -> None:
    project = written(tmp_path / "project", {"main.py": APPLICATION})
    command("scan", "--exit-zero", "--report", "json=card.json", cwd=project)
    card = json.loads((project / "card.json").read_text())
    for rule in card["rules"]:
        rule["outcome"] = "not-run"
    (project / "card.json").write_text(json.dumps(card))

    assert command("score", "card.json", cwd=project).out == "card.json: no score, as nothing was assessed\n"


def test_nothing_asked_is_a_usage_error(tmp_path: Path) -> None:
    ran = command("score", cwd=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert "--explain" in ran.last_line
