"""The audit finds what is marked in the sample apps, fails what is wrong and leaves alone what is right."""

import json
import re
from functools import cache
from typing import Any

import pytest

from command import command
from fastapi_audit.checklist import ITEMS, Item
from pages import ROOT
from sample_apps import FOLDER

MARK = re.compile(r"# (?:wrong|finding): ([a-z0-9-]+(?:, [a-z0-9-]+)*)$")


@cache
def scorecard(app: str) -> dict[str, Any]:
    options = ["--isolated", "--no-cache", "--exit-zero", "--output-format", "json"]
    ran = command("scan", f"sample_apps/{app}", *options, cwd=ROOT)
    assert ran.code == 0, ran.err
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


def marked(app: str) -> set[tuple[str, int, str]]:
    """Path, line and rule of every mark."""
    files = [file for file in sorted((FOLDER / app).rglob("*")) if file.suffix in {".py", ".yaml", ".yml", ".conf"}]
    return {
        (file.relative_to(FOLDER / app).as_posix(), number, rule)
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if (mark := MARK.search(line))
        for rule in mark[1].split(", ")
    }


def reported(app: str, *, counted: bool = False) -> set[tuple[str, int, str]]:
    """Path, line and rule of every finding, or of those that count."""
    places = {
        (f["location"]["path"], f["location"]["line"], f["rule"])
        for f in scorecard(app)["findings"]
        if f["location"] and not (counted and f["suppressed"])
    }
    prefix = f"sample_apps/{app}/"
    return {(path.removeprefix(prefix), line, rule) for path, line, rule in places}


@pytest.mark.parametrize(("path", "line", "rule"), sorted(marked("article")))
def test_every_mistake_of_the_article_is_found_at_its_line(path: str, line: int, rule: str) -> None:
    assert (path, line, rule) in reported("article")


def test_layered_is_silent_except_where_it_is_meant_to_fail() -> None:
    marks = marked("layered")
    assert {rule for _, _, rule in marks} == {"blocking-call", "no-metrics", "route-shadowed"}
    # It stands beside `no-metrics`; a mark with its name would read as a request id.
    unmarked = {(path, line, "missing-request-id") for path, line, rule in marks if rule == "no-metrics"}
    assert reported("layered", counted=True) == marks | unmarked


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_prototype_fails_every_item(item: Item) -> None:
    outcomes = {scored["number"]: scored["outcome"] for scored in scorecard("prototype")["items"]}
    assert outcomes[item.number] == "fail"


def test_production_has_nothing_to_find() -> None:
    audit = scorecard("production")
    assert [(f["rule"], f["location"], f["message"]) for f in audit["findings"]] == []
    assert audit["score"] == 100
    assert audit["unresolved"] == []
