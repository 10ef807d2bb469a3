"""The scorecard as Markdown, for a step summary or a comment on a pull request; short enough for both."""

import re
from collections.abc import Iterator

from fastapi_audit.model import Finding, ItemScore, Outcome, Scorecard, Severity, Status
from fastapi_audit.reports import Look, Material, counted, load, severity_of
from fastapi_audit.reports.cells import visible
from fastapi_audit.scoring import gains

MARKER = "<!-- fastapi-audit -->"
"""A bot finds its own comment by it, and writes that one again."""

LIMIT = 60_000
"""Characters; GitHub refuses a comment of 65,536."""

FIRST = 5
"""How many rules "Fix first" names."""

WORDS = {
    Outcome.PASS: "no findings",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.NOT_RUN: "not run",
    Outcome.ERROR: "not known: a rule crashed",
}

SPECIAL = re.compile(r"([\\*_{}\[\]()#+!|<>~&$:-])")
CODE = re.compile(r"(`[^`]+`)")
RUNS = re.compile(r"`+")


def render(material: Material, _look: Look) -> str:
    """Score, items, what to fix first, then the findings, the worst first, as many as there is room for."""
    head = "\n".join(_head(material)) + "\n"
    findings = sorted(material.open_findings, key=lambda f: (severity_of(f).rank, -f.points, f.order))
    if not findings:
        return head
    lines = ["", "### Findings", "", "| | Rule | Place | |", "|:--|:--|:--|:--|"]
    room = LIMIT - len(head) - sum(len(line) + 1 for line in lines) - 100
    rows: list[str] = []
    for finding in findings:
        row = _row(finding, material)
        room -= len(row) + 1
        if room < 0:
            break
        rows.append(row)
    left_out = len(findings) - len(rows)
    more = ["", f"… {counted(left_out, 'finding')} more."] if left_out else []
    return head + "\n".join([*lines, *rows, *more]) + "\n"


def _head(material: Material) -> Iterator[str]:
    card = material.scorecard
    yield MARKER
    figure = "unknown" if card.score is None else f"{card.score} / 100 · {card.grade}"
    yield f"## Production readiness: {figure}"
    yield ""
    for cap in card.caps:
        yield f"Held at {cap.limit} by {cap.reason}; {card.raw or 0:.0f} without it."
    yield f"Coverage {card.coverage:.0%}, {counted(len(card.routes), 'route')}."
    if card.unread:
        yield ""
        yield f"Not known: {_prose(card.unread)}."
    yield ""
    yield "| Item | Score | |"
    yield "|:--|--:|:--|"
    yield from (_item(item, material) for item in card.items)
    yield from _load(card)
    if best := gains(card.results)[:FIRST]:
        told = (f"**+{gain.raw - (card.raw or 0):.1f}** `{gain.rule}` ({gain.findings})" for gain in best)
        yield ""
        yield f"Fix first: {' · '.join(told)}"


def _load(card: Scorecard) -> Iterator[str]:
    """What the measured load decides, and what was looked at and is not known."""
    if extent := load.extent(card):
        told = "; ".join(f"{each.title}: {each.words}" for each in load.told(card))
        yield ""
        yield f"{_prose(extent)}. {_prose(told)}."
    if rules := [f"`{result.rule}`" for result in load.undecided(card)]:
        yield ""
        yield f"Looked at and not decided, so not passed: {', '.join(rules)}."


def _item(item: ItemScore, material: Material) -> str:
    found = sum(finding.item == item.number for finding in material.open_findings)
    score = "" if item.score is None else f"{item.score:.0f}"
    said = counted(found, "finding") if found else WORDS.get(item.outcome, "")
    return f"| {item.number} {item.title} | {score} | {said} |"


def _row(finding: Finding, material: Material) -> str:
    place = material.shown(f"{finding.location.path}:{finding.location.line}") if finding.location else ""
    where = " ".join(_code(text) for text in (place, finding.operation) if text)
    status = " (confirmed)" if finding.status is Status.CONFIRMED else ""
    severity = severity_of(finding)
    shown = f"**{severity}**" if severity in (Severity.CRITICAL, Severity.HIGH) else str(severity)
    return f"| {shown}{status} | `{finding.rule}` | {where} | {_prose(finding.words)} |"


def _prose(message: str) -> str:
    """Our sentence with what it quotes: code stays code, and the rest can neither format, link nor call anyone."""
    parts = CODE.split(visible(" ".join(message.split())))
    return "".join(_code(part[1:-1]) if number % 2 else _escaped(part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    # A mention is found after the escapes are undone; only a character between breaks it.
    return SPECIAL.sub(r"\\\1", text.replace("`", "'")).replace("@", "@\N{ZERO WIDTH SPACE}")


def _code(text: str) -> str:
    """A code span whose fence is longer than any run of backticks in it; `|` would end the cell even there."""
    shown = visible(text).replace("|", "\N{BROKEN BAR}")
    fence = "`" * (1 + max((len(run) for run in RUNS.findall(shown)), default=0))
    padding = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{padding}{shown}{padding}{fence}"
