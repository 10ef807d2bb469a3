"""The lines of a text as Python and every editor count them, which `str.splitlines` does not."""

import re

BREAK = re.compile(r"\r\n|\r|\n")


def lines_of(text: str) -> list[str]:
    """Form feeds and Unicode separators end no line; line n of a location is item n - 1."""
    return BREAK.split(text)
