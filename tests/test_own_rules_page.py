"""Everything that docs/own-rules.md shows is run as it stands there, so that it cannot rot."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from command import APPLICATION, command, written
from fastapi_audit import own_rules
from fastapi_audit.checks import load
from fastapi_audit.evidence import CONTEXTS
from fastapi_audit.examples import tried
from fastapi_audit.model import Confidence
from fastapi_audit.rule import Rule
from test_installed_rules import run, seen

PAGE = (Path(__file__).parent.parent / "docs/own-rules.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in FENCED.findall(PAGE) if name == language]


YAML = blocks("yaml")
CONFIG, DISTRIBUTION = blocks("toml")
(PYTHON,) = blocks("python")


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A project with the config and all rules of the page."""
    rules = {f"audit-rules/{number}.yml": text for number, text in enumerate(YAML)}
    return written(tmp_path / "service", {"main.py": APPLICATION, "pyproject.toml": CONFIG, **rules})


def test_the_page_has_a_rule_of_each_kind(service: Path) -> None:
    kinds = [re.findall(r"^  (pattern|kind):|^(constraints|within|fix):", text, re.MULTILINE) for text in YAML]

    assert [{a or b for a, b in found} for found in kinds] == [
        {"pattern"}, {"kind"}, {"pattern", "constraints"}, {"within", "pattern"}, {"pattern", "fix"},
    ]  # fmt: skip
    assert len(own_rules.load([(service / "audit-rules", "audit-rules")], load())) == len(YAML)


def test_the_examples_of_the_page_hold(service: Path) -> None:
    ran = command("rules", "test", "audit-rules", cwd=service)

    assert (ran.code, ran.err) == (0, ""), ran.out
    assert ran.out.count("\nok    ") + ran.out.startswith("ok    ") == len(YAML)
    assert ran.out.endswith(f"{len(YAML)} rules, 0 failed\n")


def test_the_commands_of_the_page_run(service: Path) -> None:
    (shell,) = blocks("sh")
    lines = [line.partition("#")[0].split()[1:] for line in shell.splitlines()]

    assert len(lines) == 4
    for arguments in lines:
        ran = command(*arguments, cwd=service)
        assert (ran.code, ran.err) == (0, ""), arguments


def test_the_page_names_every_context() -> None:
    table = PAGE.partition("| | the code of |")[2].partition("```")[0]

    assert set(re.findall(r"`([a-z-]+)`", table.replace("`lifespan`.", ""))) == set(CONTEXTS)


def test_the_way_is_told_as_the_page_says(service: Path) -> None:
    (rule,) = [text for text in YAML if "within:" in text]
    example = re.split(r"^good:", rule, flags=re.MULTILINE)[0].partition("  - |\n")[2]
    code = "".join(line.removeprefix("    ") for line in example.splitlines(keepends=True))

    out = command("scan", ".", "--select", "report-built-in-request", cwd=written(service, {"main.py": code})).out

    for step in re.findall(r"``(via .*?) ?``", PAGE):
        assert step in out


def test_the_python_rule_of_the_page_is_installed_and_holds(tmp_path: Path) -> None:
    path = PYTHON.partition("\n")[0].removeprefix("# ")
    files = {"pyproject.toml": DISTRIBUTION, path: PYTHON.partition("\n")[2]}
    packages = {f"{parent.as_posix()}/__init__.py": "" for parent in Path(path).parents if parent.name}
    project = written(tmp_path / "project", files | packages)
    run(["hatchling", "build", "-t", "wheel"], project)
    (wheel,) = (project / "dist").glob("*.whl")
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--target", str(tmp_path / "site")]
    run(["pip", "install", *options, str(wheel)], project)
    service = written(tmp_path / "service", {"main.py": APPLICATION})
    select = ("--select", "route-without-version", "--output-format", "json")

    told: dict[str, Any] = json.loads(command("scan", ".", *select, cwd=service, env=seen(tmp_path / "site")).out)

    assert tomllib.loads(DISTRIBUTION)["project"]["entry-points"]["fastapi_audit.rules"] == {"house": "house_rules"}
    assert [f["message"] for f in told["findings"]] == ["`/users` has no version; begin it with `/v1`"]


def test_the_examples_of_the_python_rule_hold() -> None:
    scope: dict[str, Any] = {"__name__": "house_rules.typed_async_api.route_without_version"}
    exec(compile(PYTHON, "own-rules.md", "exec"), scope)  # noqa: S102  our own page
    rule = scope["rule"]

    assert isinstance(rule, Rule)
    assert rule.confidence is Confidence.HIGH
    assert tried(rule).failures == ()
