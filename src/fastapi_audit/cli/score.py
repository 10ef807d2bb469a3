"""`fastapi-audit score`: what a scorecard is worth, and by which constants and formula."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit.audit import together
from fastapi_audit.checklist import ITEMS
from fastapi_audit.cli.streams import say
from fastapi_audit.errors import UsageError
from fastapi_audit.model import Scorecard
from fastapi_audit.scoring import CONSTANTS, MODEL

FORMULA = """\
A finding is worth v = severity x belief.
A rule loses its item a = presence x M + (1 - presence) x sqrt(M x S / n): M is its worst finding, S the sum over the
places it hits (the worst of each), n the number of places it looked at, but at least fewest-subjects.
An item loses L = 1 - (1 - a)(1 - b)... over its rules; one that does not apply loses nothing.
The whole loses T = the sum of weight x L over the items, divided by the sum of weight of all that are known;
what was not run is not in it, and lowers the coverage.
While a file of the application could not be read, there is no score: what it may hold is not known.
Score = 100 x (1 - T)^steepness, at most the lowest cap, rounded down. Suppressed and refuted findings cost nothing.
The points of all findings add up to 100 minus the score. A cap counts where files are sure (confidence high) or where
the application or the wire confirms.
"""


def score(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE…]", help="JSON scorecards.")] = None,
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Print the formula and its constants.")] = False,
) -> None:
    """Weigh scorecards anew, by the constants of this version; with --explain, print these and the formula."""
    if not files and not explain:
        message = "nothing to print; name a JSON scorecard, or give --explain"
        raise UsageError(message)
    if explain:
        say(FORMULA + "\n" + "".join(f"{line}\n" for line in constants()))
    for file in files or ():
        from fastapi_audit.reports.reading import read_scorecard  # noqa: PLC0415  pydantic costs more than a small scan

        say(f"{file}: {_told(together([read_scorecard(file)]))}\n")


def constants() -> Iterator[str]:
    """Every constant by its name, from the one table that the scores are made with."""
    rows = {"scoring-model": str(MODEL), **dict(_rows())}
    width = max(map(len, rows))
    for name, value in rows.items():
        yield f"{name:<{width}}  {value}"
    for item in ITEMS:
        yield f"{f'weight of item {item.number}':<{width}}  {item.weight:g}  {item.title}"


def _rows() -> Iterator[tuple[str, str]]:
    for field in fields(CONSTANTS):
        value = getattr(CONSTANTS, field.name)
        name = field.name.replace("_", "-")
        if isinstance(value, Mapping):
            yield from ((f"{name} {key}", f"{number:g}") for key, number in value.items())
        elif isinstance(value, tuple):
            yield from ((f"{name} {letter}", f"{limit:g} and more") for limit, letter in value)
        else:
            yield name, f"{value:g}"


def _told(card: Scorecard) -> str:
    if card.score is None:
        return f"no score, as {card.unread or 'nothing was assessed'}"
    held = "".join(f", held at {cap.limit} by {cap.reason}" for cap in card.caps)
    return f"{card.score} / 100, {card.grade}, coverage {card.coverage:.0%}{held}"
