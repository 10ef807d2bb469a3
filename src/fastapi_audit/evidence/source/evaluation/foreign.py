"""What comes from other distributions: one value for each name, as programs meet the same ones again and again."""

from functools import lru_cache

from fastapi_audit.evidence.source.libraries import canonical, returned_type
from fastapi_audit.evidence.source.values import External

MOST, LONGEST = 1 << 16, 1000
"""Names that are kept, whoever has more only takes longer; and where a name is cut that a loop makes ever longer."""


@lru_cache(MOST)
def foreign(name: str) -> External:
    """The module, function or class that a dotted name leads to, however it is spelled."""
    return External(canonical(name[:LONGEST]))


@lru_cache(MOST)
def given_by(name: str) -> External:
    """The type of what calling it gives."""
    return External(returned_type(name[:LONGEST]))
