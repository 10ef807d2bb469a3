"""The scorecard as SARIF 2.1.0, for code scanning; columns in UTF-16 code units, as every reader of it assumes."""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi_audit import __version__
from fastapi_audit.explain import markdown
from fastapi_audit.lines import BREAK, lines_of
from fastapi_audit.model import (
    UNREAD,
    Collection,
    Confidence,
    Edit,
    EvidenceKind,
    ExitCode,
    Finding,
    Fix,
    Location,
    Outcome,
    Severity,
    Status,
)
from fastapi_audit.reports import Look, Material, severity_of
from fastapi_audit.reports.anchors import Anchors
from fastapi_audit.reports.line_hashes import LineHashes
from fastapi_audit.reports.load import undecided

if TYPE_CHECKING:
    from fastapi_audit.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

LIMIT = 5_000
"""Results; code scanning keeps no more of one run."""

TEXT_LIMIT = 1_000
"""Characters of a description; code scanning takes 1,024."""

LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
PROBLEMS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "recommendation",
}
SECURITY = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""Only for rules with a CWE: with it code scanning lists a rule under security."""
OWASP = {
    "CWE-200": "api3",
    "CWE-209": "api8",
    "CWE-306": "api2",
    "CWE-307": "api2",
    "CWE-489": "api8",
    "CWE-524": "api8",
    "CWE-532": "api8",
    "CWE-770": "api4",
    "CWE-799": "api4",
    "CWE-835": "api4",
    "CWE-915": "api3",
    "CWE-918": "api7",
    "CWE-942": "api8",
    "CWE-1188": "api8",
}
"""The entry of the OWASP API Security Top 10 of 2023, where a weakness has one."""
PRECISION = {Confidence.HIGH: "high", Confidence.MEDIUM: "medium", Confidence.LOW: "low"}

Object = dict[str, Any]


def render(material: Material, _look: Look) -> str:
    """The log: one run, the worst results first; code scanning would open suppressed ones, so they are left out."""
    told = material.scorecard.findings if material.show_suppressed else material.open_findings
    findings = sorted(told, key=lambda f: (severity_of(f).rank, f.order))
    rules = sorted({finding.rule for finding in findings[:LIMIT]} & material.rules.keys())
    places = _Places(material, rules)
    run = {
        "tool": {"driver": _driver([material.rules[name] for name in rules])},
        "invocations": [_invocation(material, len(findings) - LIMIT)],
        "automationDetails": {"id": f"fastapi-audit/{_category(material)}/"},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the audited project."}}},
        "results": [],
    }
    log = json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
    return _filled(log, [_result(finding, places) for finding in findings[:LIMIT]]) + "\n"


def _filled(log: str, results: list[Object]) -> str:
    """With a line for each result: thousands of them, indented, take three times the time and twice the room."""
    if not results:
        return log
    before, _, after = log.rpartition("[]")
    lines = ",\n".join(json.dumps(result, separators=(",", ":"), ensure_ascii=False) for result in results)
    return f"{before}[\n{lines}\n      ]{after}"


def _category(material: Material) -> str:
    """A scan and a probe of one commit are two analyses; code scanning keeps the newest of each."""
    collected = {each.kind for each in material.scorecard.evidence if each.status is Collection.COLLECTED}
    if EvidenceKind.LIVE not in collected:
        return "scan"
    return "audit" if EvidenceKind.SOURCE in collected else "probe"


def _driver(rules: list[Rule]) -> Object:
    return {
        "name": "fastapi-audit",
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in rules],
    }


def _rule(rule: Rule) -> Object:
    properties: Object = {
        "tags": [rule.package.replace("_", "-"), *_authors(rule), *_weakness(rule.cwe)],
        "precision": PRECISION[rule.confidence],
        "problem.severity": PROBLEMS[rule.severity],
    }
    if rule.cwe:
        properties["security-severity"] = SECURITY[rule.severity]
    described: Object = {
        "id": rule.name,
        "name": rule.name.title().replace("-", ""),
        "shortDescription": {"text": _sentence(rule.title)},
        "fullDescription": {"text": _sentence(rule.rationale.partition("\n\n")[0] or rule.title)},
        "help": {"text": rule.rationale or rule.title, "markdown": markdown(rule)},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": properties,
    }
    return described | ({"helpUri": rule.references[0]} if rule.references else {})


def _weakness(cwe: str | None) -> list[str]:
    if cwe is None:
        return []
    owasp = [f"external/owasp/{OWASP[cwe]}-2023"] if cwe in OWASP else []
    return ["security", f"external/cwe/cwe-{int(cwe.removeprefix('CWE-')):03}", *owasp]


def _authors(rule: Rule) -> list[str]:
    """Tells a team's own and installed rules from ours."""
    return [] if rule.origin == "fastapi-audit" else [f"origin/{rule.origin}"]


def _sentence(text: str) -> str:
    joined = " ".join(text.split())[:TEXT_LIMIT]
    return joined if joined.endswith((".", "?", "!")) else f"{joined}."


def _invocation(material: Material, left_out: int) -> Object:
    crashes = [
        {"level": "error", "message": {"text": f"The rule {result.rule} crashed: {result.reason}"}}
        for result in material.scorecard.results
        if result.outcome is Outcome.ERROR
    ]
    cut = [{"level": "warning", "message": {"text": f"{left_out} more results were left out."}}] if left_out > 0 else []
    unread = [
        {"level": "warning", "message": {"text": f"{entry.location or ''} {entry.message}".strip()}}
        for entry in material.scorecard.unresolved
        if entry.kind in ("file", UNREAD)
    ]
    open_ = [
        {"level": "note", "message": {"text": f"The rule {result.rule} decides nothing: {result.reason}"}}
        for result in undecided(material.scorecard)
    ]
    notes = [*crashes, *cut, *unread, *open_]
    success: Object = {"executionSuccessful": not material.scorecard.incomplete}
    if material.scorecard.incomplete:
        success["exitCode"] = int(ExitCode.INCOMPLETE)
    return success | ({"toolExecutionNotifications": notes} if notes else {})


def _result(finding: Finding, places: _Places) -> Object:
    severity = severity_of(finding)
    confirmed = "Confirmed by the running application." if finding.status is Status.CONFIRMED else ""
    place = places.anchors.of(finding)
    result: Object = {
        "ruleId": finding.rule,
        **places.rule_index(finding.rule),
        "level": LEVELS[severity],
        "message": {"text": _plain(f"{_sentence(finding.words)} {confirmed}".strip())},
        "locations": [places.physical(place)],
        "partialFingerprints": {"fastapiAudit/v1": finding.fingerprint, **places.line_hash(place)},
        "properties": {
            "operation": finding.operation or "",
            "confidence": finding.confidence or Confidence.HIGH,
            "evidence": list(finding.evidence),
            "points": round(finding.points, 4),
        },
    }
    if finding.trace:
        steps = [places.physical(step.location, step.message) for step in finding.trace]
        result["relatedLocations"] = [{"id": number, **step} for number, step in enumerate(steps, 1)]
        result["codeFlows"] = [{"threadFlows": [{"locations": [{"location": step} for step in steps]}]}]
    if finding.fix and (changes := places.changes(finding.fix)):
        result["fixes"] = [{"description": {"text": _sentence(finding.fix.title)}, "artifactChanges": changes}]
    if finding.suppressed:
        kind = "inSource" if finding.suppressed.kind == "comment" else "external"
        reason = finding.suppressed.reason or finding.suppressed.kind
        result["suppressions"] = [{"kind": kind, "status": "accepted", "justification": reason}]
    return result


def _artifact(path: str) -> Object:
    return {"uri": quote(path, errors="surrogateescape"), "uriBaseId": "%SRCROOT%"}


def _plain(text: str) -> str:
    # SARIF reads `[text](1)` in a message as a link; a message quotes code that may look like one.
    return text.replace("](", "\\](")


class _Places:
    """Locations as SARIF writes them, each file split once."""

    def __init__(self, material: Material, rules: list[str]) -> None:
        self.text = material.text
        self.whole = material.whole
        self.files: dict[str, list[str]] = {}
        self.starts: dict[str, list[int]] = {}
        self.hashes: dict[str, LineHashes] = {}
        self.anchors = Anchors(material.scorecard)
        self.rules = {name: position for position, name in enumerate(rules)}

    def rule_index(self, name: str) -> dict[str, int]:
        """Where its documentation stands; a rule that only another machine has is known by its name alone."""
        return {"ruleIndex": self.rules[name]} if name in self.rules else {}

    def physical(self, place: Location, message: str = "") -> Object:
        """A `location` object; the file by its path from the root of the project."""
        location: Object = {
            "physicalLocation": {"artifactLocation": _artifact(place.path), "region": self._region(place)}
        }
        return location | ({"message": {"text": _plain(message)}} if message else {})

    def line_hash(self, place: Location) -> dict[str, str]:
        """GitHub's own fingerprint of the line; it keeps this one only where it is what it would have made."""
        if not self.whole:
            return {}
        if place.path not in self.hashes:
            self.hashes[place.path] = LineHashes(self.text(place.path) or "")
        line_hash = self.hashes[place.path].of(place.line)
        return {"primaryLocationLineHash": line_hash} if line_hash else {}

    def changes(self, fix: Fix) -> list[Object]:
        """What a fix replaces, file by file; nothing when a file is not at hand, since a fix is applied whole."""
        if not all(self._fits(edit) for edit in fix.edits):
            return []
        paths = sorted({edit.path for edit in fix.edits})
        return [
            {
                "artifactLocation": _artifact(path),
                "replacements": [self._replacement(edit) for edit in fix.edits if edit.path == path],
            }
            for path in paths
        ]

    def _fits(self, edit: Edit) -> bool:
        text = self.text(edit.path)
        return text is not None and edit.end <= len(text) and text.startswith(edit.old, edit.start)

    def _replacement(self, edit: Edit) -> Object:
        line, column = self._position(edit.path, edit.start)
        end_line, end_column = self._position(edit.path, edit.end)
        region = self._region(Location(edit.path, line, column, end_line, end_column))
        return {"deletedRegion": region, "insertedContent": {"text": edit.new}}

    def _position(self, path: str, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a place counted from the start of the file."""
        if path not in self.starts:
            self.starts[path] = [0, *(end.end() for end in BREAK.finditer(self.text(path) or ""))]
        starts = self.starts[path]
        number = bisect_right(starts, offset)
        return number, offset - starts[number - 1] + 1

    def _region(self, place: Location) -> Object:
        """All four corners, which code scanning asks for; without an end it is the rest of the line."""
        end_line = place.end_line or place.line
        end_column = place.end_column or (len(self._line(place.path, end_line).rstrip()) + 1)
        start = self._utf16(place.path, place.line, place.column)
        end = self._utf16(place.path, end_line, end_column)
        return {
            "startLine": place.line,
            "startColumn": start,
            "endLine": end_line,
            "endColumn": max(start, end) if end_line == place.line else end,
        }

    def _utf16(self, path: str, line: int, column: int) -> int:
        before = self._line(path, line)[: column - 1]
        if before.isascii():
            return column
        return column + sum(ord(character) > 0xFFFF for character in before)  # noqa: PLR2004  outside the first plane

    def _line(self, path: str, line: int) -> str:
        if path not in self.files:
            self.files[path] = lines_of(self.text(path) or "")
        lines = self.files[path]
        return lines[line - 1] if 0 < line <= len(lines) else ""
