"""The name of a finding stays when lines move, and differs where findings differ."""

from fastapi_audit.fingerprinting import fingerprinted
from fastapi_audit.model import Finding, Location
from small_project import finding, result


def names(text: str, *findings: Finding) -> list[str]:
    (named,) = fingerprinted([result(*findings)], {"app/main.py": text}.get)
    return [entry.fingerprint for entry in named.findings]


def at(line: int) -> Location:
    return Location("app/main.py", line)


def test_moved_and_reindented_lines_keep_their_name() -> None:
    before = names("accept( ws )\n", finding(location=at(1)))
    after = names("import os\n\nif os:\n    accept(ws)\n", finding(location=at(4)))

    assert before == after


def test_the_message_may_change() -> None:
    assert names("accept()\n", finding("one", location=at(1))) == names("accept()\n", finding("two", location=at(1)))


def test_equal_lines_are_counted_in_order() -> None:
    first, second = names("accept()\naccept()\n", finding(location=at(1)), finding(location=at(2)))

    assert first != second
    assert names("accept()\n", finding(location=at(1))) == [first]


def test_another_operation_or_rule_is_another_finding() -> None:
    plain, operation, rule = (
        names("accept()\n", finding(location=at(1), **changed))[0]
        for changed in ({}, {"operation": "GET /"}, {"rule": "another"})
    )

    assert len({plain, operation, rule}) == 3


def test_a_finding_without_a_place_is_named_by_its_words() -> None:
    one, other = names("", finding("one", location=None), finding("other", location=None))

    assert one != other


def test_a_form_feed_or_an_unreadable_file_shifts_nothing() -> None:
    assert names("x = '\x0c\u2028'\naccept()\n", finding(location=at(2))) == names(
        "accept()\n", finding(location=at(1))
    )
    assert len(names("", finding(location=at(99)))[0]) == 32
