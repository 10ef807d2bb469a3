"""`python -m benchmarks.scores DIR [--write]`: how the scores of real applications are spread, by today's constants."""

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import replace_section
from fastapi_audit.audit import together
from fastapi_audit.model import Scorecard, Severity
from fastapi_audit.reports import severity_of
from fastapi_audit.reports.reading import read_scorecard
from fastapi_audit.scoring import MODEL

HEADS = ("application", "routes", *map(str, Severity), "without caps", "score", "grade", "coverage", "held by")


def main(arguments: Sequence[str] | None = None) -> None:
    """Weighs every scorecard of the folder anew, and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scores", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="JSON scorecards, one for each application")
    parser.add_argument("--write", action="store_true", help="writes the table into benchmarks/README.md")
    asked = parser.parse_args(arguments)
    files = sorted(asked.folder.glob("*.json"))
    text = table({file.stem: together([read_scorecard(file)]) for file in files})
    sys.stdout.write(f"{text}\n")
    if asked.write:
        replace_section("scores", text)


def table(cards: dict[str, Scorecard]) -> str:
    """One line for each application, the best last, and a sentence about all of them."""
    known = {name: card for name, card in cards.items() if card.score is not None}
    ordered = sorted(known.items(), key=lambda pair: (pair[1].score, pair[0]))
    rows = [HEADS, tuple("---" for _ in HEADS), *(_row(name, card) for name, card in ordered)]
    return f"{_spread(known)}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, card: Scorecard) -> tuple[str, ...]:
    counts = Counter(severity_of(finding) for finding in card.findings if finding.counts)
    held = "; ".join(cap.reason for cap in card.caps)
    figures = (f"{card.raw:.1f}", str(card.score), card.grade, f"{card.coverage:.0%}", held)
    return (name, str(len(card.routes)), *(str(counts[severity]) for severity in Severity), *figures)


def _spread(cards: dict[str, Scorecard]) -> str:
    scores = [card.score for card in cards.values() if card.score is not None]
    low, middle, high = statistics.quantiles(scores, n=4, method="inclusive")
    letters = Counter(card.grade for card in cards.values())
    grades = ", ".join(f"{letters[grade]} {grade}" for grade in sorted(letters))
    return (
        f"{len(scores)} applications, scoring model {MODEL}: median {middle:.0f}, quartiles {low:.0f} and {high:.0f}, "
        f"from {min(scores)} to {max(scores)}; {grades}."
    )


if __name__ == "__main__":
    main()
