"""The only filter: what it hides, why, and which comments hide nothing."""

from collections.abc import Sequence

import pytest

from fastapi_audit.evidence import Comment
from fastapi_audit.model import Confidence, Location, Outcome, Suppression
from fastapi_audit.suppressing import SUGGESTIONS, Policy, matches, suppress
from small_project import finding, result


def comment(line: int, *rules: str, alone: bool = False, whole_file: bool = False) -> Comment:
    return Comment("app/main.py", line, 20, rules, "known", whole_file=whole_file, alone=alone)


def hidden(comments: Sequence[Comment], policy: Policy | None = None, **known: object) -> Suppression | None:
    (judged,), _ = suppress([result(finding("`accept` serves anyone", **known))], comments, policy or Policy())
    return judged.findings[0].suppressed


def complaints(*comments: Comment, outcome: Outcome = Outcome.FAIL) -> list[str]:
    _, idle = suppress([result(finding(), outcome=outcome)], comments, Policy())
    return [entry.message for entry in idle]


def test_a_comment_silences_its_own_line() -> None:
    assert hidden([comment(2, "open-socket")]) == Suppression("comment", "known")


def test_a_comment_silences_only_the_rules_it_names() -> None:
    assert hidden([comment(2, "another-rule")]) is None


def test_a_comment_of_another_line_silences_nothing() -> None:
    assert hidden([comment(3, "open-socket")]) is None


def test_a_comment_alone_on_its_line_speaks_of_the_next() -> None:
    assert hidden([comment(1, "open-socket", alone=True)]) == Suppression("comment", "known")
    assert hidden([comment(2, "open-socket", alone=True)]) is None


def test_several_comments_above_one_line_all_speak_of_it() -> None:
    above = [comment(1, "open-socket", alone=True), comment(2, "another-rule", alone=True)]

    assert hidden(above, location=Location("app/main.py", 3)) == Suppression("comment", "known")


def test_a_comment_behind_the_closing_bracket_silences_the_call() -> None:
    assert hidden([comment(5, "open-socket")], location=Location("app/main.py", 2, 5, 5, 2))


def test_a_comment_for_the_file_silences_every_line() -> None:
    assert hidden([comment(90, "open-socket", whole_file=True)])


def test_a_blanket_comment_silences_every_rule() -> None:
    assert hidden([comment(2)])


def test_the_configuration_silences_rules_and_files() -> None:
    rules = frozenset({"open-socket"})

    assert hidden([], Policy(ignored=rules)) == Suppression("config", "ignore")
    assert hidden([], Policy(per_file=(("app/*", rules),))) == Suppression("config", "per-file-ignores: app/*")
    assert hidden([], Policy(per_file=(("tests/*", rules),))) is None


def test_what_is_less_sure_than_wanted_is_hidden_with_the_reason() -> None:
    policy = Policy(min_confidence=Confidence.MEDIUM)

    assert hidden([], policy, confidence=Confidence.LOW) == Suppression("confidence", "low is below medium")
    assert hidden([], policy, confidence=Confidence.MEDIUM) is None


def test_a_rule_with_nothing_left_passes_and_says_why() -> None:
    (judged,), _ = suppress([result(finding())], [comment(2, "open-socket")], Policy())

    assert (judged.outcome, judged.reason) == (Outcome.PASS, "all findings are suppressed (1)")


def test_a_comment_that_silences_nothing_is_reported() -> None:
    assert complaints(comment(3, "open-socket")) == ["`ignore[open-socket]` silences nothing; remove it"]


def test_only_the_idle_name_of_a_comment_is_reported() -> None:
    assert complaints(comment(2, "open-socket", "open-sockets")) == [
        "`ignore[open-sockets]` names no rule; did you mean `open-socket`?"
    ]


def test_any_number_of_unknown_names_is_told_and_some_are_compared() -> None:
    told = complaints(*(comment(2, "open-sockets") for _ in range(SUGGESTIONS + 1)))

    assert len(told) == SUGGESTIONS + 1
    assert "did you mean" in told[SUGGESTIONS - 1]
    assert "did you mean" not in told[SUGGESTIONS]


def test_a_rule_that_did_not_run_makes_no_comment_idle() -> None:
    assert complaints(comment(9, "open-socket"), outcome=Outcome.NOT_RUN) == []


def test_an_idle_blanket_comment_is_reported() -> None:
    assert complaints(comment(9)) == ["this ignore comment silences nothing; remove it"]
    assert complaints(comment(2)) == []


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("app/main.py", "app/main.py", True),
        ("app/api/main.py", "app", True),
        ("app/api/main.py", "app/", True),
        ("app/api/main.py", "main.py", True),
        ("app/api/main.py", "*/api/*", True),
        ("application/main.py", "app", False),
        ("main.py", "/main.py", True),
        ("app/main.py", "/main.py", False),
    ],
)
def test_a_pattern_means_a_path_a_folder_or_a_name(path: str, pattern: str, *, expected: bool) -> None:
    assert matches(path, pattern) is expected
