"""The report for people: findings first and the worst last, then the scorecard, then what to do next."""

import re
from collections import Counter
from collections.abc import Iterator
from math import floor

from fastapi_audit.model import Collection, Finding, ItemScore, Outcome, Scorecard, Severity, Status, Verdict
from fastapi_audit.reports import Look, Material, counted, load, severity_of
from fastapi_audit.reports.cells import (
    BLUE,
    BOLD,
    CYAN,
    DIM,
    GREEN,
    RED,
    YELLOW,
    columns,
    cut,
    padded,
    painted,
    visible,
    wrapped,
)
from fastapi_audit.reports.change import change_of
from fastapi_audit.reports.excerpt import Excerpts
from fastapi_audit.reports.figures import told
from fastapi_audit.rule import Rule
from fastapi_audit.scoring import gains

COLOURS = {Severity.CRITICAL: RED, Severity.HIGH: RED, Severity.MEDIUM: YELLOW, Severity.LOW: CYAN}

VERDICTS = {Verdict.PASS: GREEN, Verdict.FAIL: RED, Verdict.INCONCLUSIVE: YELLOW, Verdict.NOT_MEASURABLE: DIM}

BAR = 10
"""Cells of an item's bar."""

FIRST = 5
"""How many rules "Fix first" names."""

SEEN = 2
"""How many observations stand below a finding; JSON and HTML have all."""

USE_INSTEAD = re.compile(r"^## Use instead\s*\n+(.+?)(?=\n\s*\n|\n#|\Z)", re.MULTILINE | re.DOTALL)


def render(material: Material, look: Look) -> str:
    """Lines no wider than the terminal, apart from paths and single words that are."""
    return "".join(f"{line}\n" for line in (*_findings(material, look), *_scorecard(material, look)))


def _findings(material: Material, look: Look) -> Iterator[str]:
    excerpts = Excerpts(material.text, look)
    ordered = _ordered(list(material.open_findings))
    for position, finding in enumerate(ordered):
        following = ordered[position + 1].rule if position + 1 < len(ordered) else None
        yield from _finding(finding, material, excerpts)
        # Said once, under the last finding of the rule: repeated, it hides the findings.
        if finding.rule != following:
            yield from _help(material.rules.get(finding.rule), look)
        yield ""


def _ordered(findings: list[Finding]) -> list[Finding]:
    """The worst last, where the eye is when the command ends; findings of one rule stand together."""
    cost: Counter[str] = Counter()
    for finding in findings:
        cost[finding.rule] += round(finding.points * 1_000_000)
    return sorted(findings, key=lambda f: (-severity_of(f).rank, cost[f.rule], f.rule, f.order))


def _finding(finding: Finding, material: Material, excerpts: Excerpts) -> Iterator[str]:
    look, colour = excerpts.look, COLOURS[severity_of(finding)]
    yield from _heading(finding, material, look)
    yield from wrapped(finding.words, look.width, "  ")
    if finding.location:
        yield from excerpts.at(finding.location, colour)
    for step in finding.trace:
        if step.location == finding.location:
            continue
        place = material.shown(f"{step.location.path}:{step.location.line}")
        yield from wrapped(f"via {place}: {step.message}", look.width, "  ")
    yield from _seen(finding, look)
    if finding.fix:
        flag = "--fix" if finding.fix.safe else "--fix --unsafe-fixes"
        yield from wrapped(f"fix: {finding.fix.title} (`{flag}`)", look.width, "  ")


def _seen(finding: Finding, look: Look) -> Iterator[str]:
    """What the running service showed, and one command that shows it again."""
    told = list(dict.fromkeys(seen.message for seen in finding.observations))
    for message in told[:SEEN]:
        yield from wrapped(f"probe: {message}", look.width, "  ")
    if len(told) > SEEN:
        yield from wrapped(f"probe: {counted(len(told) - SEEN, 'more observation')}", look.width, "  ")
    again = next((seen.reproduction for seen in finding.observations if seen.reproduction), "")
    if again:
        # Whole on one line, to be copied.
        yield f"  try: {visible(again)}"


def _heading(finding: Finding, material: Material, look: Look) -> Iterator[str]:
    """On one line where it fits; else the place, which is for clicking, has a line of its own."""
    severity = severity_of(finding)
    place = visible(material.shown(str(finding.location)) if finding.location else material.scorecard.root)
    words = [
        (finding.rule, (BOLD, COLOURS[severity])),
        (severity, (COLOURS[severity],)),
        (finding.status, (DIM,)),
        (cut(visible(finding.operation or ""), look.width - 2), (CYAN,)),
    ]
    width = sum(2 + columns(word) for word, _ in words if word)
    rest = "".join("  " + painted(word, look, *codes) for word, codes in words if word)
    if columns(place) + width <= look.width:
        yield painted(place, look, BOLD) + rest
    else:
        yield painted(place, look, BOLD)
        yield from (rest,) if width <= look.width else wrapped("  ".join(word for word, _ in words), look.width, "  ")


def _help(rule: Rule | None, look: Look) -> Iterator[str]:
    if rule is None:
        return
    remedy = USE_INSTEAD.search(rule.rationale)
    text = remedy[1] if remedy else f"`fastapi-audit explain {rule.name}`"
    first, *rest = wrapped(f"help: {text}", look.width, "  ")
    yield first.replace("help:", painted("help:", look, BLUE), 1)
    yield from rest


def _scorecard(material: Material, look: Look) -> Iterator[str]:
    scorecard = material.scorecard
    yield from wrapped(_counts(scorecard), look.width)
    yield ""
    yield _score(scorecard, look)
    if scorecard.unread:
        yield from wrapped(f"{scorecard.unread}: no rule that found nothing has passed", look.width, "  ")
    for cap in scorecard.caps:
        without = floor(scorecard.raw or 0.0)
        yield from wrapped(f"held at {cap.limit} by {cap.reason}, {without} without it", look.width, "  ")
    if change := change_of(material):
        yield f"  {change.told}"
    yield from wrapped(_coverage(scorecard), look.width, "  ")
    yield ""
    yield from _items(material, look)
    yield from _undecided(scorecard, look)
    yield from _load(scorecard, look)
    yield from _figures(scorecard, look)
    first = _fix_first(scorecard)
    if first:
        yield ""
        yield from wrapped(f"Fix first: {first}", look.width, "")


def _counts(scorecard: Scorecard) -> str:
    shown = [finding for finding in scorecard.findings if finding.counts]
    by_severity = Counter(severity_of(finding) for finding in shown)
    parts = ", ".join(f"{by_severity[severity]} {severity}" for severity in Severity if by_severity[severity])
    hidden = Counter(finding.suppressed.kind for finding in scorecard.findings if finding.suppressed)
    aside = ", ".join(f"{count} by {kind}" for kind, count in sorted(hidden.items()))
    total = f"{counted(len(shown), 'finding')} ({parts})" if shown else "No findings"
    refuted = sum(finding.status is Status.REFUTED for finding in scorecard.findings)
    return (
        f"{total} in {_population(scorecard)}."
        + (f" Hidden: {aside}." if aside else "")
        + (f" Refuted by the running service: {refuted}." if refuted else "")
    )


def _population(scorecard: Scorecard) -> str:
    """Routes of the files, or operations where only the wire was looked at."""
    operations = [count for entry in scorecard.evidence for name, count in entry.counts if name == "operations"]
    if not scorecard.routes and operations:
        return counted(max(operations), "operation")
    return counted(len(scorecard.routes), "route")


def _score(scorecard: Scorecard, look: Look) -> str:
    if scorecard.score is None:
        why = "" if scorecard.unread else ": nothing was assessed"
        return painted(f"Production readiness   unknown{why}", look, BOLD)
    figure = f"{scorecard.score} / 100   {scorecard.grade}"
    return f"{painted('Production readiness', look, BOLD)}   {painted(figure, look, BOLD, _colour(scorecard.score))}"


def _coverage(scorecard: Scorecard) -> str:
    collected = [g.kind for g in scorecard.evidence if g.status is Collection.COLLECTED]
    crashed = sum(result.outcome is Outcome.ERROR for result in scorecard.results)
    asleep = sum(result.outcome is Outcome.NOT_RUN for result in scorecard.results)
    notes = [
        f"from {' and '.join(collected) or 'no'} evidence",
        f"{counted(crashed, 'rule')} crashed" if crashed else "",
        f"{counted(asleep, 'rule')} not run" if asleep else "",
        f"{counted(len(scorecard.unresolved), 'place')} not resolved" if scorecard.unresolved else "",
    ]
    return f"coverage {scorecard.coverage:.0%}: {', '.join(note for note in notes if note)}"


def _items(material: Material, look: Look) -> Iterator[str]:
    found = Counter(finding.item for finding in material.open_findings)
    width = max(columns(item.title) for item in material.scorecard.items) if material.scorecard.items else 0
    rest: Counter[Outcome] = Counter()
    for item in material.scorecard.items:
        if found[item.number]:
            yield _item(item, found[item.number], min(width, look.width - BAR - 25), look)
        else:
            rest[item.outcome] += 1
    words = {
        Outcome.PASS: "without findings",
        Outcome.NOT_APPLICABLE: "not applicable",
        Outcome.NOT_RUN: "not run",
        Outcome.ERROR: "not known, because a rule crashed",
    }
    parts = [f"{rest[outcome]} {text}" for outcome, text in words.items() if rest[outcome]]
    if parts:
        yield from wrapped(f"{sum(rest.values())} more items: {', '.join(parts)}", look.width, "      ")


def _undecided(scorecard: Scorecard, look: Look) -> Iterator[str]:
    if rules := [result.rule for result in load.undecided(scorecard)]:
        said = f"Looked at and not decided, so not passed: {', '.join(rules)} (JSON and HTML say why)"
        yield from wrapped(said, look.width, "      ")


def _load(scorecard: Scorecard, look: Look) -> Iterator[str]:
    """How far the measured load decides anything."""
    if extent := load.extent(scorecard):
        yield ""
        yield from wrapped(f"{extent}:", look.width, "  ")
        for each in load.told(scorecard):
            yield from _verdict(each.verdict, f"{each.title}: {each.words}", look)


def _verdict(verdict: Verdict, words: str, look: Look) -> Iterator[str]:
    first, *rest = wrapped(words, look.width - 18, "")
    yield f"  {painted(f'{verdict:<14}', look, VERDICTS[verdict])}  {first}"
    yield from (f"{'':18}{line}" for line in rest)


def _figures(scorecard: Scorecard, look: Look) -> Iterator[str]:
    """What the service exports of itself; a figure that cannot be known says why."""
    figures = list(told(scorecard))
    if not figures:
        return
    yield ""
    yield "  What the service exports of itself:"
    for each in figures:
        words = ", ".join(part for part in (each.known, each.aside) if part)
        yield from _verdict(each.verdict, f"{each.title}: {words}", look)


def _item(item: ItemScore, findings: int, width: int, look: Look) -> str:
    score = item.score or 0.0
    full, empty = ("█", "░") if look.unicode else ("#", "-")
    filled = round(score / 100 * BAR)
    bar = painted(full * filled + empty * (BAR - filled), look, _colour(score))
    title = padded(cut(item.title, width), width)
    return f"  {item.number:>2}  {title}  {bar} {score:>4.0f}  {counted(findings, 'finding')}"


def _fix_first(scorecard: Scorecard) -> str:
    """What repairing a rule's findings brings; under a cap the score itself moves only with the last of them."""
    best = gains(scorecard.results)[:FIRST]
    return " · ".join(
        f"+{_points(gain.raw - (scorecard.raw or 0.0))} {gain.rule} ({counted(gain.findings, 'place')})"
        for gain in best
    )


def _points(value: float) -> str:
    return f"{value:.0f}" if value >= 1 else f"{value:.1f}"


def _colour(score: float) -> str:
    # Lighthouse's bands.
    return GREEN if score >= 90 else YELLOW if score >= 50 else RED  # noqa: PLR2004
