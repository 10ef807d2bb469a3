"""Which series a PromQL expression asks for, without evaluating it."""

import re
from collections.abc import Iterator

from fastapi_audit.evidence.deployment.text import Text

LONGEST = 20_000
"""Characters; a query that people read is a hundredth of it."""
NO_SERIES = re.compile(
    r"""
    "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*`              # strings
    | \#[^\n]*                                                       # comments
    | \{(?:[^{}"'`]|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)*\}   # label matchers
    | \[[^\[\]]*\]                                                   # ranges and sub-queries
    | \b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)   # label lists
    | \$\{[^{}]*\} | \[\[[^\[\]]*\]\]                                # variables of a dashboard
    """,
    re.VERBOSE | re.IGNORECASE,
)
NAME = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\w|\s*\(|\$|\0)")
WORDS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "atan2", "start", "end"})
WORDS_BEFORE_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})


def series(expression: Text) -> Iterator[Text]:
    """The names of the series that it asks for, each with its place; a name that a variable completes is left out."""
    value = expression.value
    if len(value) > LONGEST:
        return
    # What is no series keeps its length, so that places stay; a variable leaves a mark that spoils what it touches.
    masked = NO_SERIES.sub(
        lambda found: ("\0" if found[0][0] in "$[" and found[0][1] in "{[" else " ") * len(found[0]), value
    )
    for found in NAME.finditer(masked):
        spoilt = masked[found.start() - 1 : found.start()] == "\0"
        if found[0].lower() not in WORDS | WORDS_BEFORE_LISTS and not spoilt:
            yield expression.part(*found.span())
