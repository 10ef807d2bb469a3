"""Annotations for GitHub's workflow log: the worst first, as many of each level as one step may show."""

from collections import Counter
from collections.abc import Iterator

from fastapi_audit.model import Finding, Severity
from fastapi_audit.reports import Look, Material, counted, severity_of
from fastapi_audit.reports.anchors import Anchors
from fastapi_audit.reports.cells import visible

LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice"}

EACH_LEVEL = 10
"""Annotations that GitHub keeps of one level and step; more are dropped without a word."""


def render(material: Material, _look: Look) -> str:
    """One workflow command for each finding that is shown, then a line that says how many are not."""
    return "".join(f"{line}\n" for line in _lines(material))


def _lines(material: Material) -> Iterator[str]:
    anchors = Anchors(material.scorecard)
    findings = sorted(material.open_findings, key=lambda f: (severity_of(f).rank, -f.points, f.order))
    shown: Counter[str] = Counter()
    for finding in findings:
        level = LEVELS[severity_of(finding)]
        shown[level] += 1
        if shown[level] <= EACH_LEVEL:
            yield _annotation(level, finding, material, anchors)
    left_out = sum(max(count - EACH_LEVEL, 0) for count in shown.values())
    if left_out:
        more = f"{counted(left_out, 'finding')} more; the SARIF or Markdown report has all"
        yield f"::notice title=fastapi-audit::{_data(more)}"


def _annotation(level: str, finding: Finding, material: Material, anchors: Anchors) -> str:
    place = anchors.of(finding)
    properties = {
        "title": f"fastapi-audit ({finding.rule})",
        "file": material.shown(place.path).removeprefix("./"),
        "line": place.line,
        "col": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    told = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    operation = f"{finding.operation}: " if finding.operation else ""
    return f"::{level} {told}::{_data(visible(operation + ' '.join(finding.words.split())))}"


def _data(text: str) -> str:
    """What stands after `::`; a line break would start another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
