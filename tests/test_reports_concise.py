"""One finding, one line."""

from fastapi_audit.model import Location, Suppression
from fastapi_audit.reports import Look
from fastapi_audit.reports.concise import render
from small_project import finding, material


def test_a_line_reads_as_editors_expect() -> None:
    made = material(
        finding("second\nline"),
        finding("first", location=Location("app/main.py", 1)),
        finding("quiet", suppressed=Suppression("config")),
    )

    assert render(made, Look()) == (
        "app/main.py:1:1: high open-socket: first\napp/main.py:2:5: high open-socket: second line\n"
    )


def test_a_finding_without_a_place_is_named_by_its_operation() -> None:
    assert render(material(finding(location=None, operation="GET /")), Look()).startswith("GET /: high open-socket: ")


def test_a_clean_project_prints_nothing() -> None:
    assert render(material(), Look()) == ""
