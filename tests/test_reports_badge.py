"""The badge: what it says for which score, as JSON and as a picture."""

import json
from xml.etree.ElementTree import fromstring

import pytest

from fastapi_audit.reports import Look, Material, badge, badge_svg
from small_project import material


@pytest.mark.parametrize(
    ("made", "message", "color"),
    [
        (material(score=100, grade="A+", coverage=1.0), "100 A+", "brightgreen"),
        (material(score=64, grade="D"), "64 D", "yellow"),
        (material(score=12, grade="F"), "12 F", "red"),
        (material(score=100, grade="n/a", coverage=0.4), "100 n/a", "lightgrey"),
        (material(score=None, raw=None, grade="n/a"), "unknown", "lightgrey"),
    ],
)
def test_a_score_has_its_words_and_its_colour(made: Material, message: str, color: str) -> None:
    told = json.loads(badge.render(made, Look()))

    assert told == {"schemaVersion": 1, "label": "fastapi-audit", "message": message, "color": color}


def test_the_picture_says_the_same_to_those_who_cannot_see_it() -> None:
    picture = fromstring(badge_svg.render(material(), Look()))  # noqa: S314  our own output

    assert picture.get("aria-label") == "fastapi-audit: 64 D"
    assert [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")] == ["fastapi-audit", "64 D"]
