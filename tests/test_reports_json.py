"""The JSON contract: its schema is shipped, and every document that is printed keeps it."""

import json
from dataclasses import replace
from importlib.resources import files
from math import inf, nan
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fastapi_audit.model import (
    Cap,
    Edit,
    EvidenceKind,
    Fix,
    LatencyRow,
    Location,
    MiddlewareRow,
    Observation,
    Result,
    RouteRow,
    Step,
    Suppression,
    Unresolved,
    Verdict,
)
from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.json import printed, render, routes_document, rules_document
from small_project import finding, material, rule

SCHEMA: dict[str, Any] = json.loads(files("fastapi_audit.reports").joinpath("schema/scorecard-1.json").read_text())


SEEN = Observation(EvidenceKind.LIVE, "a stranger is served", "GET /socket", "101", "curl /socket")

MEASURED = LatencyRow(
    "GET /users", 60, 0, 5.0, 8.123456, nan, inf, 9.0, 200.0, Verdict.INCONCLUSIVE, 0.05, 0.001, Verdict.INCONCLUSIVE,
    histogram=((10.0, 60),),
)  # fmt: skip


def full() -> Material:
    place = Location("app/main.py", 2, 5, 2, 13)
    fix = Fix("check first", (Edit("app/main.py", 30, "accept()", "check()"),), safe=True)
    return material(
        finding(
            operation="WS /socket",
            also=("WS /feed",),
            trace=(Step(place, "calls"),),
            fix=fix,
            observations=(SEEN,),
            points=12.345678,
        ),
        finding(location=None, suppressed=Suppression("comment", "known")),
        caps=(Cap(64, "one high finding", ("0" * 32,)),),
        middleware=(MiddlewareRow("app.main.Timing", place, condition="settings.timing"),),
        routes=(RouteRow((), "/socket", "app.main.socket", place, is_async=True, kind="websocket"),),
        unresolved=(Unresolved("router", "built from a dict", place),),
        measurements=(("p95", 0.2),),
        latencies=(MEASURED,),
    )


def document(made: Material) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(render(made, Look()))
    return parsed


def part(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("made", [full(), material(), material(score=None, raw=None, grade="n/a", items=())])
def test_a_scorecard_keeps_the_schema(made: Material) -> None:
    Draft202012Validator(SCHEMA).validate(document(made))


def test_the_schema_refuses_what_is_not_in_the_contract() -> None:
    spoiled = document(full())
    spoiled["findings"][0]["line"] = 2

    assert not Draft202012Validator(SCHEMA).is_valid(spoiled)


def test_routes_and_rules_keep_the_schema() -> None:
    card = full().scorecard

    part("routes").validate(routes_document(card.routes, card.middleware, card.unresolved))
    part("rules").validate(json.loads(printed(rules_document([rule(cwe="CWE-306")]))))


def test_a_finding_is_told_whole() -> None:
    told, hidden = sorted(document(full())["findings"], key=lambda entry: entry["location"] is None)

    assert told == {
        "rule": "open-socket",
        "item": 7,
        "severity": "high",
        "confidence": "high",
        "status": "suspected",
        "evidence": ["source"],
        "message": "`accept` serves anyone",
        "location": {"path": "app/main.py", "line": 2, "column": 5, "end_line": 2, "end_column": 13},
        "operation": "WS /socket",
        "also": ["WS /feed"],
        "trace": [
            {
                "location": {"path": "app/main.py", "line": 2, "column": 5, "end_line": 2, "end_column": 13},
                "message": "calls",
            }
        ],
        "fix": {
            "title": "check first",
            "safe": True,
            "edits": [{"path": "app/main.py", "start": 30, "old": "accept()", "new": "check()"}],
        },
        "observations": [
            {
                "evidence": "live",
                "message": "a stranger is served",
                "request": "GET /socket",
                "response": "101",
                "reproduction": "curl /socket",
            }
        ],
        "cwe": None,
        "fingerprint": "0" * 32,
        "suppressed": None,
        "points": 12.3457,
    }
    assert hidden["suppressed"] == {"kind": "comment", "reason": "known"}


def test_only_what_counts_is_counted_for_a_rule() -> None:
    assert document(full())["rules"][0]["findings"] == 1


def test_middleware_and_evidence_follow_the_contract() -> None:
    told = document(full())

    assert told["middleware"][0]["class"] == "app.main.Timing"
    assert told["middleware"][0]["conditional"] is True
    assert told["evidence"]["source"] == {"status": "collected", "reason": "", "files": 1}
    assert told["evidence"]["live"] == {"status": "not_requested", "reason": ""}
    assert list(told["evidence"]) == [str(kind) for kind in EvidenceKind]


def test_the_same_audit_gives_the_same_bytes_in_any_order_of_findings() -> None:
    made = full()
    (only,) = made.scorecard.results
    turned: Result = replace(only, findings=only.findings[::-1])
    other = Material(replace(made.scorecard, results=(turned,)), made.rules, made.text)

    assert render(other, Look()) == render(made, Look())


def test_a_figure_without_a_bound_is_null() -> None:
    assert document(full())["latencies"][0]["p95_interval_ms"] == [None, None]
    assert document(full())["latencies"][0]["p95_ms"] == 8.1235
