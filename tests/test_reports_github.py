"""Annotations: the worst first, no more than GitHub keeps, and no command that the project put there."""

from fastapi_audit.model import Location, Severity, Suppression
from fastapi_audit.reports import Look
from fastapi_audit.reports.github import EACH_LEVEL, render
from hostile import PATH, TEXT
from small_project import finding, material


def test_an_annotation_names_rule_place_and_operation() -> None:
    made = material(finding("anyone, 100 %", operation="GET /socket"))

    assert render(made, Look()) == (
        "::error title=fastapi-audit (open-socket),file=app/main.py,line=2,col=5,endLine=2,endColumn=13"
        "::GET /socket: anyone, 100 %25\n"
    )


def test_a_finding_on_the_wire_stands_at_its_handler_or_at_the_project() -> None:
    handler = render(material(finding(location=None, operation="GET /users")), Look())
    unknown = render(material(finding(location=None, operation="GET /nowhere")), Look())

    assert "file=app/main.py,line=1,col=1::" in handler
    assert "file=pyproject.toml,line=1,col=1::" in unknown


def test_what_github_would_drop_is_counted() -> None:
    many = [finding(f"number {number}", location=Location("a.py", number)) for number in range(1, EACH_LEVEL + 4)]
    low = finding("low", severity=Severity.LOW)
    lines = render(material(*many, low), Look()).splitlines()

    assert sum(line.startswith("::error ") for line in lines) == EACH_LEVEL
    assert lines[-2].startswith("::notice title=fastapi-audit (open-socket)")
    assert lines[-1] == "::notice title=fastapi-audit::3 findings more; the SARIF or Markdown report has all"


def test_nothing_hostile_becomes_a_command() -> None:
    lines = render(material(finding(TEXT, location=Location(PATH, 1), operation=f"GET {TEXT}")), Look()).splitlines()

    assert len(lines) == 1
    assert "\x1b" not in lines[0]
    assert lines[0].count("::") - lines[0].count("::error::injected") >= 1
    assert "file=app/<b>|`x`%2Cy%3Az\\n%3A%3Aerror%3A%3A.py,line=1" in lines[0]


def test_what_is_suppressed_is_left_out() -> None:
    assert render(material(finding(suppressed=Suppression("comment"))), Look()) == ""
