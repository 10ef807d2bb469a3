"""GitLab's Code Quality report: a JSON array with a place and a fingerprint of its own for each finding."""

import json
from typing import Any

from fastapi_audit.model import Finding, Location, Severity
from fastapi_audit.reports import Look, Material, severity_of
from fastapi_audit.reports.anchors import Anchors
from fastapi_audit.reports.cells import visible

SEVERITIES = {Severity.CRITICAL: "blocker", Severity.HIGH: "critical", Severity.MEDIUM: "major", Severity.LOW: "minor"}


def render(material: Material, _look: Look) -> str:
    """By place; paths from the root of the repository, without `./`."""
    anchors = Anchors(material.scorecard)
    entries = [_entry(finding, anchors.of(finding), material) for finding in material.open_findings]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _entry(finding: Finding, place: Location, material: Material) -> dict[str, Any]:
    operation = f"{finding.operation}: " if finding.operation else ""
    return {
        "description": visible(operation + " ".join(finding.words.split())),
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint,
        "severity": SEVERITIES[severity_of(finding)],
        "location": {
            "path": material.shown(place.path).removeprefix("./"),
            "positions": {"begin": {"line": place.line, "column": place.column}},
        },
    }
