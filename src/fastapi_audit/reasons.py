"""How much is known and why the rest is not, as clauses of a report: equal reasons are said once."""

from collections.abc import Iterable

MOST_REASONS, MOST_NAMES = 3, 3
"""That are told; the figures of each operation are in JSON."""


def listed(whys: Iterable[tuple[str, str]]) -> str:
    """``too few requests (`GET /a`, `GET /b` and 2 more)``, of (name, reason), in their order; a name may be empty."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in whys:
        by_reason.setdefault(reason, []).append(name)
    told = [f"{reason}{_named(names)}" for reason, names in [*by_reason.items()][:MOST_REASONS]]
    left = len(by_reason) - MOST_REASONS
    more = [f"{left} more reason{'s' if left > 1 else ''}"] if left > 0 else []
    return "; ".join([*told, *more])


def measured(operations: int, described: int, barred: int) -> str:
    """`20 of 45 operations were measured (5 may not be called …)`; barred are those that may not be called."""
    left = described - operations - barred
    asides = (
        f"{barred} may not be called or have no known arguments" if barred else "",
        f"{left} found no room in the load" if left > 0 else "",
    )
    aside = ", ".join(each for each in asides if each)
    return f"{operations} of {described} operations were measured{f' ({aside})' if aside else ''}"


def _named(names: list[str]) -> str:
    known = [f"`{name}`" for name in names if name]
    left = len(known) - MOST_NAMES
    shown = ", ".join(known[:MOST_NAMES])
    return f" ({shown}{f' and {left} more' if left > 0 else ''})" if known else ""
