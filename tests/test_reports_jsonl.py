"""One finding on one line, as the scorecard has it."""

import json

from fastapi_audit.model import Suppression
from fastapi_audit.reports import Look
from fastapi_audit.reports.json import render as scorecard
from fastapi_audit.reports.jsonl import render
from hostile import TEXT
from small_project import finding, material


def test_each_line_is_an_entry_of_the_scorecard() -> None:
    made = material(finding(), finding("another"), finding("hidden", suppressed=Suppression("comment")))
    entries = [entry for entry in json.loads(scorecard(made, Look()))["findings"] if entry["suppressed"] is None]

    assert [json.loads(line) for line in render(made, Look()).splitlines()] == entries


def test_a_message_of_several_lines_stays_on_one() -> None:
    assert render(material(finding(TEXT)), Look()).count("\n") == 1
