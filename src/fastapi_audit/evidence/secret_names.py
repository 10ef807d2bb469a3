"""Which names of fields hold a secret; what the source says of a model and the wire says of a body agree on it."""

import re

SECRET_FIELD = re.compile(
    r"(.*_)?(password|passwd|secret|api_?key|private_?key|card_number|cvv|ssn|pin)"
    r"|((access|refresh|api|auth|bot)_)?token",
    re.IGNORECASE,
)
"""Matches the whole name."""

SESSION_COOKIE = re.compile(
    r"(?!.*(csrf|xsrf))(__(host|secure)-)?([a-z0-9]+[_-]){0,4}((access|refresh|auth|id|session|user|api|remember|login)[_-]?)?"
    r"(token|jwt|session|session[_-]?id|sessid|sid|auth|authorization|credentials?)",
    re.IGNORECASE,
)
"""Matches the whole name of a cookie that says who somebody is; no CSRF token, which scripts have to read."""
