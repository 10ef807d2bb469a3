"""The scorecard as JSON, schema_version "1": the contract that other programs read; its schema lies in `schema/`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from fastapi_audit import __version__
from fastapi_audit.model import Collection, EvidenceKind
from fastapi_audit.reports.passages import passages
from fastapi_audit.scoring import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi_audit.model import (
        ExportedFigure,
        Finding,
        Fix,
        Gathered,
        ItemScore,
        LatencyRow,
        Location,
        MiddlewareRow,
        Observation,
        Result,
        RouteRow,
        Unresolved,
    )
    from fastapi_audit.reports import Look, Material
    from fastapi_audit.rule import Rule

SCHEMA_VERSION = "1"

Object = dict[str, Any]


def render(material: Material, _look: Look) -> str:
    """Two spaces, sorted as the contract lists it, no clock: the same scan gives the same bytes."""
    return printed(scorecard_document(material))


def printed(document: Object) -> str:
    """A document as it is written to stdout or a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def scorecard_document(material: Material) -> Object:
    """The whole result of an audit, with the lines of source that it speaks of."""
    scorecard, rules = material.scorecard, material.rules
    return {
        "schema_version": SCHEMA_VERSION,
        "scoring_model": MODEL,
        "tool": {"name": "fastapi-audit", "version": __version__},
        "project": {"name": scorecard.project, "root": scorecard.root, "versions": dict(scorecard.versions)},
        "evidence": _evidence(scorecard.evidence),
        "score": scorecard.score,
        "raw": _rounded(scorecard.raw),
        "grade": scorecard.grade,
        "coverage": _rounded(scorecard.coverage),
        "caps": [{"limit": c.limit, "reason": c.reason, "fingerprints": list(c.fingerprints)} for c in scorecard.caps],
        "items": [_item(item) for item in scorecard.items],
        "rules": [_result(result) for result in scorecard.results],
        "findings": [finding_document(finding, rules.get(finding.rule)) for finding in scorecard.findings],
        **routes_document(scorecard.routes, scorecard.middleware, scorecard.unresolved),
        "measurements": {name: _rounded(value) for name, value in scorecard.measurements},
        "latencies": [_latency(row) for row in scorecard.latencies],
        "figures": [_figure(each) for each in scorecard.figures],
        "sources": {
            path: [{"line": told.line, "start": told.start, "text": told.text} for told in known]
            for path, known in passages(scorecard, material.text).items()
        },
    }


def routes_document(
    routes: Iterable[RouteRow], middleware: Iterable[MiddlewareRow], unresolved: Iterable[Unresolved]
) -> Object:
    """What `routes --output-format json` prints."""
    return {
        "routes": [_route(route) for route in routes],
        "middleware": [_middleware(row) for row in middleware],
        "unresolved": [
            {"kind": entry.kind, "message": entry.message, "location": _location(entry.location)}
            for entry in unresolved
        ],
    }


def rules_document(rules: Iterable[Rule]) -> Object:
    """What `rules --output-format json` prints."""
    return {"rules": [rule_document(rule) for rule in rules]}


def rule_document(rule: Rule) -> Object:
    """One rule as `rules` lists it."""
    return {
        "name": rule.name,
        "item": rule.item,
        "severity": rule.severity,
        "confidence": rule.confidence,
        "title": rule.title,
        "evidence": list(rule.evidence),
        "fixable": rule.fixable,
        "applies_to": rule.applies_to,
        "cwe": rule.cwe,
        "references": list(rule.references),
        "origin": rule.origin,
        "file": rule.file,
    }


def _evidence(gathered: Iterable[Gathered]) -> Object:
    known = {entry.kind: entry for entry in gathered}
    return {kind: _gathered(known.get(kind)) for kind in EvidenceKind}


def _gathered(entry: Gathered | None) -> Object:
    if entry is None:
        return {"status": Collection.NOT_REQUESTED, "reason": ""}
    return {"status": entry.status, "reason": entry.reason, **dict(entry.counts)}


def _item(item: ItemScore) -> Object:
    return {
        "number": item.number,
        "name": item.name,
        "title": item.title,
        "weight": item.weight,
        "score": _rounded(item.score),
        "outcome": item.outcome,
    }


def _result(result: Result) -> Object:
    return {
        "name": result.rule,
        "item": result.item,
        "severity": result.severity,
        "outcome": result.outcome,
        "subjects": result.subjects,
        "findings": sum(finding.counts for finding in result.findings),
        "reason": result.reason,
        "refutations": [
            {
                "message": each.message,
                "operation": each.operation,
                "observations": [_observation(seen) for seen in each.observations],
            }
            for each in result.refutations
        ],
    }


def _observation(seen: Observation) -> Object:
    return {
        "evidence": seen.kind,
        "message": seen.message,
        "request": seen.request,
        "response": seen.response,
        "reproduction": seen.reproduction,
    }


def _latency(row: LatencyRow) -> Object:
    return {
        "operation": row.operation,
        "samples": row.samples,
        "errors": row.errors,
        "p50_ms": _rounded(row.p50_ms),
        "p95_ms": _rounded(row.p95_ms),
        "p95_interval_ms": [_rounded(row.p95_low_ms), _rounded(row.p95_high_ms)],
        "p99_ms": _rounded(row.p99_ms),
        "p95_target_ms": row.p95_target_ms,
        "p95_verdict": row.p95_verdict,
        "p95_reason": row.p95_reason,
        "error_high": _rounded(row.error_high),
        "error_target": row.error_target,
        "error_verdict": row.error_verdict,
        "error_reason": row.error_reason,
        "histogram": [{"below_ms": _rounded(bound), "samples": count} for bound, count in row.histogram],
    }


def _figure(figure: ExportedFigure) -> Object:
    return {
        "name": figure.name,
        "interval": [_rounded(figure.low), _rounded(figure.high)],
        "verdict": figure.verdict,
        "reason": figure.reason,
        "series": figure.source,
    }


def finding_document(finding: Finding, rule: Rule | None) -> Object:
    hidden = finding.suppressed
    return {
        "rule": finding.rule,
        "item": finding.item,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "status": finding.status,
        "evidence": list(finding.evidence),
        "message": finding.message,
        "location": _location(finding.location),
        "operation": finding.operation,
        "also": list(finding.also),
        "trace": [{"location": _location(step.location), "message": step.message} for step in finding.trace],
        "fix": _fix(finding.fix),
        "observations": [_observation(seen) for seen in finding.observations],
        "cwe": rule.cwe if rule else None,
        "fingerprint": finding.fingerprint,
        "suppressed": {"kind": hidden.kind, "reason": hidden.reason} if hidden else None,
        "points": _rounded(finding.points),
    }


def _fix(fix: Fix | None) -> Object | None:
    if fix is None:
        return None
    edits = [{"path": edit.path, "start": edit.start, "old": edit.old, "new": edit.new} for edit in fix.edits]
    return {"title": fix.title, "safe": fix.safe, "edits": edits}


def _location(place: Location | None) -> Object | None:
    if place is None:
        return None
    return {
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    }


def _route(route: RouteRow) -> Object:
    return {
        "methods": list(route.methods),
        "path": route.path,
        "endpoint": route.endpoint,
        "location": _location(route.location),
        "is_async": route.is_async,
        "dependencies": list(route.dependencies),
        "auth": list(route.auth),
        "condition": route.condition,
        "app": route.app,
        "kind": route.kind,
        "evidence": list(route.known_by),
    }


def _middleware(row: MiddlewareRow) -> Object:
    return {
        "class": row.cls,
        "location": _location(row.location),
        "conditional": row.conditional,
        "condition": row.condition,
        "app": row.app,
    }


def _rounded(value: float | None) -> float | None:
    """JSON has no word for a figure that is not known or has no bound."""
    return round(value, 4) if value is not None and math.isfinite(value) else None
