"""The score as a badge: the JSON that shields.io reads from an address of the project's own."""

import json

from fastapi_audit.model import Scorecard
from fastapi_audit.reports import Look, Material
from fastapi_audit.scoring import CONSTANTS

LABEL = "fastapi-audit"

COLOURS = ((90, "brightgreen"), (80, "green"), (70, "yellowgreen"), (60, "yellow"), (50, "orange"), (0, "red"))
"""From this score on."""
UNKNOWN = "lightgrey"


def render(material: Material, _look: Look) -> str:
    """One object of shields.io's endpoint schema."""
    card = material.scorecard
    document = {"schemaVersion": 1, "label": LABEL, "message": message(card), "color": colour(card)}
    return json.dumps(document, indent=2) + "\n"


def message(card: Scorecard) -> str:
    """`88 B`, or what stands in its place."""
    return "unknown" if card.score is None else f"{card.score} {card.grade}"


def colour(card: Scorecard) -> str:
    """By the score; grey where too little was assessed to speak of one."""
    if card.score is None or card.coverage < CONSTANTS.coverage_for_grade:
        return UNKNOWN
    return next(name for limit, name in COLOURS if card.score >= limit)
