"""What one of a team's rules looks for, ready to be matched, and one place where it was found."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Query = dict[str, Any]
"""A rule object of ast-grep: `pattern`, `kind`, `has` …"""

METAVARIABLE = re.compile(r"\$\$\$([A-Z_][A-Z0-9_]*)?|\$\$?([A-Z_][A-Z0-9_]*)")
"""`$NAME` is one node, `$$$NAME` any number of them; a name that begins with `_` is not kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One query and what it needs."""

    name: str
    """The rule that it belongs to."""
    query: Query
    constraints: Mapping[str, Query]
    """Metavariable → what the node that it stands for must match."""
    single: frozenset[str]
    """The metavariables that every match binds to one node."""
    several: frozenset[str]
    """Those that every match binds to any number of nodes."""
    words: frozenset[str]
    """One of these stands in every file that matches; empty when that is not known."""

    @property
    def variables(self) -> frozenset[str]:
        return self.single | self.several


@dataclass(frozen=True, slots=True)
class Match:
    """One place that a pattern matches; offsets in code points from the start of the file."""

    path: str
    start: int
    end: int
    captured: Mapping[str, tuple[int, int]]
    """Metavariable → where what it stands for begins and ends."""
    quoted: Mapping[str, str]
    """Metavariable → what it stands for on one line, for a message: shortened, without the contents of strings."""
