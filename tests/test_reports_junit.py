"""JUnit: what passed, failed, crashed or was not run, as a strict XML reader understands it."""

from xml.etree.ElementTree import Element, fromstring

import pytest

from fastapi_audit.model import Finding, Location, Outcome, Status, Suppression
from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.junit import render
from hostile import PATH, TEXT
from small_project import finding, material, result


def suite(made: Material) -> Element:
    [found] = fromstring(render(made, Look()))  # noqa: S314  our own output
    return found


@pytest.mark.parametrize(
    ("outcome", "child", "counted"),
    [
        (Outcome.PASS, "system-out", None),
        (Outcome.NOT_APPLICABLE, "skipped", "skipped"),
        (Outcome.NOT_RUN, "skipped", "skipped"),
        (Outcome.ERROR, "error", "errors"),
    ],
)
def test_an_outcome_is_what_junit_has_for_it(outcome: Outcome, child: str | None, counted: str | None) -> None:
    found = suite(material(results=(result(outcome=outcome, reason="why"),)))

    assert [each.tag for each in found[0]] == ([child] if child else [])
    assert {name: found.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "1",
        "failures": "0",
        "errors": "1" if counted == "errors" else "0",
        "skipped": "1" if counted == "skipped" else "0",
    }


def test_a_failing_rule_lists_its_places() -> None:
    second = finding("second", location=Location("app/main.py", 9))
    found = suite(material(finding("first"), second))

    assert found.get("failures") == "1"
    failure = found[0][0]
    assert failure.get("message") == "first (and 1 more place)"
    assert failure.text == "app/main.py:2:5: first\napp/main.py:9:1: second"


@pytest.mark.parametrize("silent", [finding(suppressed=Suppression("comment")), finding(status=Status.REFUTED)])
def test_what_does_not_count_does_not_fail(silent: Finding) -> None:
    assert suite(material(silent)).get("failures") == "0"


def test_hostile_text_stays_text() -> None:
    found = suite(material(finding(TEXT, location=Location(PATH, 1))))

    assert "<script>" in (found[0][0].text or "")
    assert [each.tag for each in found.iter()] == ["testsuite", "testcase", "failure"]
