"""Finding the rules, choosing among them, and naming what does not exist."""

import pytest

from fastapi_audit.checklist import ITEMS
from fastapi_audit.checks import chosen, load, named
from fastapi_audit.errors import UsageError
from small_project import rule

SOCKET, ORIGIN = rule(), rule(name="missing-origin-check")
RULES = (SOCKET, ORIGIN)


def test_rules_come_in_the_order_of_the_checklist_and_once() -> None:
    order = [(rule.item, rule.name) for rule in load()]

    assert order == sorted(set(order))


@pytest.mark.parametrize("name", ["websockets", "7"])
def test_an_item_stands_for_its_rules(name: str) -> None:
    assert chosen(RULES, [name]) == {"open-socket", "missing-origin-check"}


def test_names_and_items_add_up() -> None:
    assert chosen(RULES, ["open-socket", "deployment"]) == {"open-socket"}
    assert chosen(RULES, [item.name for item in ITEMS]) == {"open-socket", "missing-origin-check"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("open_sockets", "no rule or item named `open_sockets`; did you mean `open-socket`?"),
        ("websocket", "no rule or item named `websocket`; did you mean `websockets`?"),
        ("18", "no rule or item named `18`; `fastapi-audit rules` lists them"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(RULES, [name])

    assert str(caught.value) == expected


def test_a_rule_is_found_by_its_name() -> None:
    assert named(RULES, "open-socket") is SOCKET
    with pytest.raises(UsageError, match="no rule named `open-sockt`; did you mean `open-socket`"):
        named(RULES, "open-sockt")
