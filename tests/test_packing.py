import json
from pathlib import Path

import pytest

from fastapi_audit.audit import run
from fastapi_audit.checks import load
from fastapi_audit.config import Settings
from fastapi_audit.evidence import Gathering
from fastapi_audit.model import Confidence, Location
from fastapi_audit.packing import packed, unpacked

PROTOTYPE = Path(__file__).parent.parent / "sample_apps" / "prototype"


def test_a_whole_scorecard_comes_back_as_it_was() -> None:
    card = run(Gathering(PROTOTYPE, use_cache=False), load(), Settings()).scorecard
    assert card.findings
    again = unpacked(json.loads(json.dumps(packed(card))))
    assert again == card
    assert type(again.findings[0].severity) is type(card.findings[0].severity)


def test_numbers_keep_every_digit() -> None:
    values = (0.1 + 0.2, 1e-300, 2**70, True, None, "\ud800 lone surrogate")
    assert unpacked(json.loads(json.dumps(packed(values)))) == values


def test_an_enum_is_not_taken_for_its_text() -> None:
    assert packed(Confidence.LOW) == ["Confidence", "low"]
    assert unpacked(["Confidence", "low"]) is Confidence.LOW


def test_what_is_no_noun_cannot_be_packed() -> None:
    with pytest.raises(TypeError):
        packed({"a": 1})


@pytest.mark.parametrize("broken", [["NoSuchNoun", 1], ["Location"], ["Confidence", "none"], []])
def test_what_was_never_packed_cannot_be_unpacked(broken: list[object]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        unpacked(broken)


def test_a_place_comes_back_equal() -> None:
    place = Location("app/main.py", 3, 1, 3, 9)
    assert unpacked(packed(place)) == place
