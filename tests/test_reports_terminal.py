"""What a person sees: order, excerpts, colours, widths, and nothing that the audited project could forge."""

import re
from dataclasses import replace

from fastapi_audit.model import Cap, Fix, Location, Severity, Status, Step, Suppression
from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.cells import columns
from fastapi_audit.reports.terminal import render
from small_project import finding, material

PLAIN = Look()


def lines(made: Material, look: Look = PLAIN) -> list[str]:
    return render(made, look).split("\n")


def test_a_finding_is_told_with_place_source_and_help() -> None:
    assert lines(material(finding(operation="WS /socket")))[:7] == [
        "app/main.py:2:5  open-socket  high  suspected  WS /socket",
        "  `accept` serves anyone",
        "    1 | async def socket(ws):",
        "    2 |     accept()",
        "      |     ^^^^^^^^",
        "  help: Check the token before `accept()`.",
        "",
    ]


def test_the_scorecard_stands_below_the_findings() -> None:
    made = material(finding(), caps=(Cap(64, "one high finding", ("0" * 32,)),))

    assert lines(made)[7:] == [
        "1 finding (1 high) in 1 route.",
        "",
        "Production readiness   64 / 100   D",
        "  held at 64 by one high finding, 71 without it",
        "  coverage 76%: from source evidence",
        "",
        "   7  WebSockets  ████░░░░░░   42  1 finding",
        "",
        "Fix first: +28 open-socket (1 place)",
        "",
    ]


def test_the_worst_stands_last() -> None:
    mild = finding("mild", rule="mild-rule", severity=Severity.LOW, location=Location("z.py", 9))
    bad = finding("bad", rule="bad-rule", severity=Severity.CRITICAL, location=Location("a.py", 1))

    headings = [line for line in lines(material(bad, mild)) if "suspected" in line]

    assert [heading.split("  ")[1] for heading in headings] == ["mild-rule", "bad-rule"]


def test_help_is_said_once_for_neighbouring_findings_of_a_rule() -> None:
    made = material(finding(), finding(location=Location("app/main.py", 1)))

    assert sum("help:" in line for line in lines(made)) == 1


def test_a_trace_and_a_fix_are_told() -> None:
    steps = (Step(Location("app/helper.py", 17), "`socket` calls `helper`"),)
    text = render(material(finding(trace=steps, fix=Fix("check first", ()))), PLAIN)

    assert "  via app/helper.py:17: `socket` calls `helper`\n" in text
    assert "  fix: check first (`--fix --unsafe-fixes`)\n" in text


def test_the_last_step_is_not_told_twice() -> None:
    steps = (Step(Location("app/helper.py", 17), "calls"), Step(Location("app/main.py", 2, 5, 2, 13), "blocks"))

    assert [line for line in lines(material(finding(trace=steps))) if "via" in line] == [
        "  via app/helper.py:17: calls"
    ]


def test_hidden_findings_are_counted_not_shown() -> None:
    quiet = finding("quiet", suppressed=Suppression("comment", "known"))

    text = render(material(quiet), PLAIN)

    assert "quiet" not in text
    assert "No findings in 1 route. Hidden: 1 by comment." in text


def test_a_refuted_finding_is_not_shown() -> None:
    assert "open-socket" not in render(material(finding(status=Status.REFUTED)), PLAIN)


def test_paths_begin_with_the_folder_as_it_was_typed() -> None:
    made = material(finding(), root="services/api")

    assert lines(made)[0].startswith("services/api/app/main.py:2:5  ")


def test_no_colour_unless_wanted_and_then_the_same_words() -> None:
    made = material(finding())
    plain, coloured = render(made, PLAIN), render(made, Look(colour=True))

    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert coloured != plain


def test_hostile_text_cannot_move_the_cursor_or_forge_lines() -> None:
    evil = "\x1b[2J\r\nSCORE 100\u202e\u2028\x9b31m\x00"
    made = material(
        finding(f"message {evil}", operation=f"GET /{evil}", location=Location(f"{evil}.py", 1, 1)),
        text=f"accept()  # {evil}\n",
    )
    made = Material(made.scorecard, made.rules, lambda _path: f"accept()  # {evil}\n")

    text = render(made, PLAIN)

    assert text.isprintable() is False
    assert {character for character in text if not character.isprintable()} == {"\n"}
    assert not any(line.startswith("SCORE 100") for line in text.split("\n"))


def test_the_underline_stands_under_wide_characters_and_tabs() -> None:
    text = 'def f():\n\tname = "日本"; accept()\n'
    place = Location("app/main.py", 2, 15, 2, 23)

    source, underline = lines(material(finding(location=place), text=text))[3:5]

    before = source.index("accept")
    assert columns(source[:before]) == underline.index("^")
    assert underline.count("^") == len("accept()")


def test_a_line_of_megabytes_is_cut_around_the_finding() -> None:
    text = "x = 1; " * 1_000_000 + "accept()\n"
    place = Location("app/main.py", 1, len(text) - 8, 1, len(text))

    shown = lines(material(finding(location=place), text=text))

    assert all(columns(line) <= 80 for line in shown)
    assert shown[2].endswith("accept()")
    assert shown[3].rstrip().endswith("^^^^^^^^")


def test_a_line_that_is_too_long_keeps_its_start_as_long_as_the_finding_shows() -> None:
    text = "    result = await session.execute(text(" + '"' + "x" * 80 + '"))\n'
    near = lines(material(finding(location=Location("app/main.py", 1, 14, 1, 120)), text=text))
    far = lines(material(finding(location=Location("app/main.py", 1, 100, 1, 110)), text=text))

    assert near[2].startswith("    1 |     result = await session")
    assert near[2].endswith("x…")
    assert near[3].startswith("      |              ^^^^")
    assert far[2].startswith("    1 | …")
    assert far[3].endswith(" " + "^" * 10)
    assert all(columns(line) <= 80 for line in (*near, *far))


def test_everything_but_paths_fits_the_terminal() -> None:
    long = finding("`accept` serves anyone who comes along, " * 6 + "日本語 " * 40, operation="WS /" + "a" * 90)

    for line in lines(material(long)):
        assert columns(line) <= 80, line


def test_a_file_that_is_not_at_hand_costs_only_the_excerpt() -> None:
    made = replace(material(finding()), text=lambda _path: None)

    assert lines(made)[2] == "  help: Check the token before `accept()`."


def test_bars_are_plain_where_the_terminal_has_no_blocks() -> None:
    assert "####------" in render(material(finding()), Look(unicode=False))


def test_an_audit_of_nothing_says_so() -> None:
    made = material(score=None, raw=None, grade="n/a", coverage=0.0, items=())

    assert "Production readiness   unknown: nothing was assessed" in render(made, PLAIN)
