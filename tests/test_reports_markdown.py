"""The Markdown report, as a Markdown reader shows it."""

from markdown_it import MarkdownIt

from fastapi_audit.model import Cap, Location, Severity, Status
from fastapi_audit.reports import Look
from fastapi_audit.reports.markdown import LIMIT, MARKER, render
from hostile import PATH, TEXT
from small_project import finding, material

READER = MarkdownIt("gfm-like", {"html": False, "linkify": False})


def test_it_opens_with_the_marker_and_the_score() -> None:
    text = render(material(finding(), caps=(Cap(64, "one high finding", ()),)), Look())

    assert text.startswith(f"{MARKER}\n## Production readiness: 64 / 100 · D\n")
    assert "Held at 64 by one high finding; 72 without it." in text
    assert "Fix first: **+" in text


def test_findings_stand_in_a_table_the_worst_first() -> None:
    made = material(
        finding("mild", severity=Severity.LOW),
        finding("`accept` serves anyone", operation="GET /socket", status=Status.CONFIRMED),
    )
    shown = READER.render(render(made, Look()))

    assert shown.index("serves anyone") < shown.index("mild")
    assert "<td><strong>high</strong> (confirmed)</td>" in " ".join(shown.split()).replace(
        '<td style="text-align:left">', "<td>"
    )
    assert "<code>app/main.py:2</code> <code>GET /socket</code>" in shown
    assert "<code>accept</code> serves anyone" in shown


def test_nothing_hostile_is_a_link_a_picture_an_element_a_mention_or_a_cell() -> None:
    made = material(finding(TEXT, location=Location(PATH, 1), operation=f"GET /{TEXT}"))
    text = render(made, Look())
    shown = READER.render(text)

    assert "<script>" not in shown
    assert "<a " not in shown
    assert "<img" not in shown
    assert "@team" not in shown.replace("<code>", "\0").partition("GET /")[0]
    assert shown.rpartition("<tbody>")[2].count("<td") == 4
    assert "\x1b" not in text


def test_it_is_short_enough_for_a_comment_and_says_what_it_left_out() -> None:
    many = [finding("a defect " * 20, location=Location("app/main.py", line)) for line in range(1, 2000)]
    text = render(material(*many), Look())

    assert len(text) <= LIMIT
    assert text.rstrip().endswith("findings more.")


def test_a_clean_project_has_no_table_of_findings() -> None:
    assert "### Findings" not in render(material(), Look())
