"""The lines that a scorecard carries come back where they were, and whatever another hand wrote there does no harm."""

import json
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import command
from fastapi_audit.lines import BREAK, lines_of
from fastapi_audit.model import Edit, Fix, Location, Step
from fastapi_audit.reports import Look, passages
from fastapi_audit.reports.json import render
from fastapi_audit.reports.passages import LARGEST, Layout, Passage
from pages import ROOT
from small_project import finding, material

TEXT = "".join(f"line {number}\n" for number in range(1, 101))
texts = st.lists(
    st.sampled_from(["", "x", "é = '\N{GRINNING FACE}'", "\x0c", " " * 3]), min_size=1, max_size=40
).flatmap(lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda end: end.join(lines)))


def carried(text: str, *findings_at: int) -> dict[str, tuple[Passage, ...]]:
    found = [finding(location=Location("main.py", line)) for line in findings_at]
    card = material(*found, routes=()).scorecard
    return passages.passages(card, {"main.py": text}.get)


def laid_out(*passages: Passage) -> str | None:
    return Layout([{"main.py": passages}]).text("main.py")


def test_the_lines_around_a_finding_are_carried() -> None:
    assert carried(TEXT, 10, 13, 50) == {
        "main.py": (
            Passage(8, 49, "line 8\nline 9\nline 10\nline 11\nline 12\nline 13\nline 14\nline 15\n"),
            Passage(48, 367, "line 48\nline 49\nline 50\nline 51\nline 52\n"),
        )
    }


def test_a_way_and_a_fix_are_carried_across_files() -> None:
    fix = Fix("both", (Edit("a.py", TEXT.index("line 40"), "line", "row"), Edit("gone.py", 0, "", "x")))
    steps = (Step(Location("b.py", 7), "calls"),)
    card = material(finding(location=None, trace=steps, fix=fix), routes=()).scorecard

    told = passages.passages(card, {"a.py": TEXT, "b.py": TEXT}.get)

    assert {path: [each.text for each in known] for path, known in told.items()} == {
        "a.py": ["line 39\nline 40\nline 41\n"],
        "b.py": ["line 7\n"],
    }


def test_the_handler_of_a_route_is_carried_for_a_probe_that_is_merged_later() -> None:
    card = material().scorecard

    assert passages.passages(card, {"app/main.py": TEXT}.get)["app/main.py"][0].text.startswith("line 1\n")


@given(texts, st.lists(st.integers(-1, 45), max_size=4))
def test_every_carried_line_comes_back_at_its_number_and_offset(text: str, places: list[int]) -> None:
    told = carried(text, *places)
    back = Layout([told]).text("main.py")
    if not told:
        assert back is None
        return
    assert back is not None

    for passage in told["main.py"]:
        assert back[passage.start : passage.end] == passage.text
        first = passage.line - 1
        lines = BREAK.split(passage.text.removesuffix("\n").removesuffix("\r"))
        assert lines_of(back)[first : first + len(lines)] == lines_of(text)[first : first + len(lines)] == lines
    assert len(back) <= len(text)
    assert carried(back, *places) == told, "a second time the same"


def test_the_worst_are_carried_where_there_is_no_room_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "MOST", 100)

    told = carried(TEXT, *range(3, 90, 10))

    assert 50 < sum(len(each.text) for each in told["main.py"]) <= 100


def test_a_file_for_which_no_room_is_left_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "MOST", 3)

    assert carried(TEXT, 3) == {}


def test_a_line_that_nobody_can_read_is_left_out() -> None:
    assert carried("a\nb\n" + "x" * 2_000 + "\nc\nd\n", 3) == {
        "main.py": (Passage(1, 0, "a\nb\n"), Passage(4, 2005, "c\nd\n"))
    }


@pytest.mark.parametrize(
    "told",
    [
        (Passage(3, 1, "x"),),
        (Passage(1, 5, "x"),),
        (Passage(2, 10, "x\n"), Passage(2, 20, "y\n")),
        (Passage(2, 10, "x\n"), Passage(9, 13, "y\n")),
        (Passage(9, 20, "x\n"), Passage(2, 30, "y\n")),
        (Passage(2, LARGEST + 1, "x"),),
        (),
    ],
    ids=["too many lines", "no line", "twice", "no room", "backwards", "too large", "nothing"],
)
def test_passages_that_cannot_be_are_no_file(told: tuple[Passage, ...]) -> None:
    assert laid_out(*told) is None


def test_many_large_files_do_not_fill_the_memory() -> None:
    names = [f"{letter}.py" for letter in string.ascii_lowercase]
    layout = Layout([{name: (Passage(2, LARGEST // 4, "x"),) for name in names}])

    assert sum(layout.text(name) is not None for name in names) == 3


def test_two_runs_of_one_commit_tell_more_of_a_file_and_of_two_commits_the_first_is_shown() -> None:
    one, two = carried(TEXT, 10, 50), carried(TEXT, 12, 90)
    both, other = Layout([one, two]), Layout([one, carried("new\n" + TEXT, 12)])

    assert {number for number in (10, 13, 50, 90) if lines_of(both.text("main.py") or "")[number - 1]} == {
        10,
        13,
        50,
        90,
    }
    assert other.text("main.py") == Layout([one]).text("main.py")


def test_a_scorecard_carries_no_file_that_is_not_at_hand() -> None:
    assert json.loads(render(material(finding(location=Location("gone.py", 1))), Look()))["sources"].keys() == {
        "app/main.py"
    }


def test_a_report_shows_the_source_and_the_fixes_that_the_scan_showed(tmp_path: Path) -> None:
    shown = [
        "--report=html=scan.html",
        "--report=sarif=scan.sarif",
        "--report=text=scan.txt",
        "--report=json=card.json",
    ]
    app = ROOT / "sample_apps" / "prototype"
    assert command("scan", app, "--isolated", "--no-cache", "--exit-zero", *shown, cwd=tmp_path).code == 0
    again = [word.replace("=scan.", "=again.").replace("=card.", "=again.") for word in shown]
    assert command("report", "card.json", "--exit-zero", *again, cwd=tmp_path).code == 0

    def pieces(name: str) -> list[str]:
        return re.findall(r'<pre class="(?:source|diff)".*?</pre>', (tmp_path / name).read_text("utf-8"), re.DOTALL)

    def results(name: str) -> object:
        run = json.loads((tmp_path / name).read_text("utf-8"))["runs"][0]
        for result in run["results"]:
            # Of the line that follows too, which a scorecard need not carry.
            result["partialFingerprints"].pop("primaryLocationLineHash", None)
        return run["results"]

    assert len(pieces("scan.html")) > 100
    assert pieces("again.html") == pieces("scan.html")
    assert results("again.sarif") == results("scan.sarif")
    assert (tmp_path / "again.txt").read_text("utf-8") == (tmp_path / "scan.txt").read_text("utf-8")
    assert (tmp_path / "again.json").read_text("utf-8") == (tmp_path / "card.json").read_text("utf-8")
