"""The table of scores: weighed anew, in order, and its sentence says what the rows show."""

from dataclasses import replace

from benchmarks.scores.__main__ import table

from fastapi_audit.model import Cap, Scorecard
from small_project import material

CARD = material().scorecard


def scored(score: int | None, grade: str = "C") -> Scorecard:
    return replace(CARD, score=score, raw=None if score is None else score + 0.5, grade=grade, caps=())


def test_the_sentence_says_how_the_rows_are_spread() -> None:
    cards = {"a": scored(90, "A"), "b": scored(50, "F"), "c": scored(70), "d": scored(None, "n/a")}

    sentence, _, *rows = table(cards).splitlines()

    assert "3 applications" in sentence
    assert "median 70, quartiles 60 and 80, from 50 to 90; 1 A, 1 C, 1 F." in sentence
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| b", "| c", "| a"]


def test_a_row_says_what_holds_the_score() -> None:
    held = replace(scored(69, "D"), caps=(Cap(69, "one critical finding", ("x",)),))

    *_, row, _ = table({"a": held, "b": scored(80, "B")}).splitlines()

    assert row.endswith("| 69.5 | 69 | D | 76% | one critical finding |")
