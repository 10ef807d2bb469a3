"""Takes secrets out of what a report shows: credentials by the name they stand under, and the probe's own by value."""

import re
from collections.abc import Iterable

REDACTED = "[redacted]"
TELLING = (
    r"authorization|cookie|passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[-_]?key|credential|session|"
    r"signature|jwt|csrf|xsrf"
)
HEADER = re.compile(TELLING, re.IGNORECASE)
QUERY = re.compile(rf"([?&][^=&\s]*(?:{TELLING}|\bsig|\bkey|\bcode)[^=&\s]*=)[^&\s#'\"]+", re.IGNORECASE)
JSON = re.compile(
    rf"(\"[^\"]{{0,80}}(?:{TELLING})[^\"]{{0,80}}\"\s*:\s*)(\"(?:[^\"\\]|\\.){{0,4000}}\"?|\d+)", re.IGNORECASE
)
IN_URL = re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://[^\s:/@\"']{0,200}:)[^\s@/\"']{1,200}@", re.IGNORECASE)
BEARER = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE)
JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?")
SHORTEST = 4
"""Characters of a value that is looked for; shorter ones stand in every text."""


def header(name: str, value: str) -> str:
    """The value of a header, unless the name says that it is a secret."""
    return REDACTED if HEADER.search(name) else value


def text(content: str, secrets: Iterable[str] = ()) -> str:
    """Any text without the secrets given, and without what looks like one."""
    for secret in sorted((each for each in secrets if len(each) >= SHORTEST), key=len, reverse=True):
        content = content.replace(secret, REDACTED)
    content = QUERY.sub(rf"\1{REDACTED}", content)
    content = JSON.sub(rf'\1"{REDACTED}"', content)
    content = IN_URL.sub(rf"\1{REDACTED}@", content)
    content = BEARER.sub(rf"\1 {REDACTED}", content)
    return JWT.sub(REDACTED, content)
