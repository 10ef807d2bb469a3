"""Which names of fields hold a secret; what the source says of a model and the wire says of a body agree on it."""

import re

SECRET_FIELD = re.compile(
    r"(.*_)?(password|passwd|secret|api_?key|private_?key|card_number|cvv|ssn|pin)"
    r"|((access|refresh|api|auth|bot)_)?token",
    re.IGNORECASE,
)
"""Matches the whole name."""
