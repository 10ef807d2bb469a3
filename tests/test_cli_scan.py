"""`fastapi-audit scan` as a user runs it: exit codes, streams, files, filters, and rules from other packages."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from command import APPLICATION, Ran, command, plugin, written

SCHEMA: dict[str, Any] = json.loads(files("fastapi_audit.reports").joinpath("schema/scorecard-1.json").read_text())

RULE = '''\
"""Route answers at all

For the tests of the command.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route
from fastapi_audit.rule import Bad, Confidence, Edit, Finding, Fix, Good, Location, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.{severity},
    confidence=Confidence.{confidence},
    examples=[Bad("x = 1  # finding"), Good("x = 2")],
)


@rule.check
def answers(route: Route) -> Iterator[Finding]:
    row = route.row()
    yield Finding("it answers", row.location, f"{{row.methods[0]}} {{row.path}}")
'''

CRASHING = RULE.replace("    yield Finding(", '    raise LookupError("no idea")\n    yield Finding(')


def answering(folder: Path, severity: str = "HIGH", confidence: str = "HIGH") -> Mapping[str, str]:
    """One more rule: every route is a finding."""
    return plugin(folder, "route_answers", RULE.format(severity=severity, confidence=confidence))


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return written(tmp_path / "service", {"main.py": APPLICATION})


@pytest.fixture
def more(tmp_path: Path) -> Path:
    return tmp_path / "more"


def scan(service: Path, *arguments: str, env: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE) -> Ran:
    return command("scan", "--select", "route-answers", *arguments, cwd=service, env=env, stdout=stdout)


def document(ran: Ran) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(ran.out)
    jsonschema.validate(parsed, SCHEMA)
    return parsed


def test_a_finding_at_the_threshold_is_code_1_and_stands_on_stdout(service: Path, more: Path) -> None:
    ran = scan(service, env=answering(more))

    assert ran.code == 1
    assert ran.out.startswith("main.py:6:")
    assert "  route-answers  high  suspected  GET /users\n  it answers\n" in ran.out
    assert ran.err == ""


def test_a_finding_below_the_threshold_is_code_0(service: Path, more: Path) -> None:
    env = answering(more, "MEDIUM")

    assert scan(service, env=env).code == 0
    assert scan(service, "--fail-on", "medium", env=env).code == 1


def test_exit_zero_forgives_findings(service: Path, more: Path) -> None:
    assert scan(service, "--exit-zero", env=answering(more)).code == 0


def test_a_score_below_the_limit_is_code_1(service: Path, more: Path) -> None:
    env = answering(more, "LOW")

    assert scan(service, "--fail-under", "50", env=env).code == 0
    assert scan(service, "--fail-under", "100", env=env).code == 1


def test_json_is_all_there_is_on_stdout_and_keeps_the_contract(service: Path, more: Path) -> None:
    told = document(scan(service, "--output-format", "json", env=answering(more)))

    (finding,) = told["findings"]
    assert (finding["rule"], finding["item"], finding["operation"]) == ("route-answers", 7, "GET /users")
    assert finding["location"]["path"] == "main.py"
    assert finding["points"] > 0
    assert [route["path"] for route in told["routes"]] == ["/users"]
    assert told["evidence"]["source"]["status"] == "collected"


def test_the_same_scan_gives_the_same_bytes(service: Path, more: Path) -> None:
    env = answering(more)
    first, second = (scan(service, "--output-format", "json", env=env) for _ in range(2))

    assert first.out == second.out


def test_reports_are_written_beside_each_other(service: Path, more: Path) -> None:
    ran = scan(
        service, "--report", "sarif=a.sarif", "--report", "json=a.json", "--output-file", "a.txt", env=answering(more)
    )

    assert ran.out == ""
    assert ran.err == "sarif report written to a.sarif\njson report written to a.json\ntext report written to a.txt\n"
    assert json.loads((service / "a.sarif").read_text())["version"] == "2.1.0"
    assert json.loads((service / "a.json").read_text())["schema_version"] == "1"
    assert "it answers" in (service / "a.txt").read_text()
    assert sorted(path.name for path in service.iterdir()) == ["a.json", "a.sarif", "a.txt", "main.py"]


def test_a_report_that_cannot_be_written_is_said(service: Path, more: Path) -> None:
    ran = scan(service, "--output-file", "none/a.txt", env=answering(more))

    assert ran.code == 2
    assert ran.err == "error: none/a.txt: the report cannot be written: No such file or directory\n"


def test_concise_is_one_line_per_finding(service: Path, more: Path) -> None:
    ran = scan(service, "--output-format", "concise", env=answering(more))

    assert ran.out.startswith("main.py:6:")
    assert ran.out.endswith(": high route-answers: it answers\n")
    assert ran.out.count("\n") == 1


def test_statistics_count_per_rule(service: Path, more: Path) -> None:
    assert scan(service, "--statistics", env=answering(more)).out == "     1  high      route-answers\n"


def test_little_confidence_is_hidden_but_kept_in_json(service: Path, more: Path) -> None:
    env = answering(more, confidence="LOW")
    text, told = scan(service, env=env), document(scan(service, "--output-format", "json", env=env))

    assert text.code == 0
    assert "Hidden: 1 by confidence." in text.out
    assert told["findings"][0]["suppressed"] == {"kind": "confidence", "reason": "low is below medium"}
    assert scan(service, "--min-confidence", "low", env=env).code == 1


@pytest.mark.parametrize(
    ("files", "arguments", "kind", "reason"),
    [
        (
            {"main.py": APPLICATION.replace('users")', 'users")  # fastapi-audit: ignore[route-answers] known')},
            (),
            "comment",
            "known",
        ),
        (
            {"main.py": f"# fastapi-audit: ignore-file[route-answers] generated\n{APPLICATION}"},
            (),
            "comment",
            "generated",
        ),
        ({"fastapi-audit.toml": 'ignore = ["websockets"]'}, (), "config", "ignore"),
        ({"fastapi-audit.toml": 'per-file-ignores = {"main.py" = ["7"]}'}, (), "config", "per-file-ignores: main.py"),
        ({}, ("--ignore", "route-answers"), "config", "ignore"),
    ],
)
def test_what_is_suppressed_stays_in_json_with_the_reason(
    service: Path, more: Path, files: Mapping[str, str], arguments: tuple[str, ...], kind: str, reason: str
) -> None:
    written(service, files)
    ran = scan(service, "--output-format", "json", *arguments, env=answering(more))
    told = document(ran)

    assert ran.code == 0
    assert told["findings"][0]["suppressed"] == {"kind": kind, "reason": reason}
    assert told["findings"][0]["points"] == 0


def test_a_comment_that_silences_nothing_is_reported(service: Path, more: Path) -> None:
    written(service, {"main.py": APPLICATION + "x = 1  # fastapi-audit: ignore[route-answers]\n"})
    ran = scan(service, "--output-format", "json", env=answering(more))

    assert ran.err == "warning: main.py:9:8: `ignore[route-answers]` silences nothing; remove it\n"
    assert [entry["kind"] for entry in document(ran)["unresolved"]] == ["suppression"]


def test_what_was_not_selected_is_not_run_and_never_a_pass(service: Path, more: Path) -> None:
    told = document(command("scan", "--select", "1", "--output-format", "json", cwd=service, env=answering(more)))
    (other,) = [entry for entry in told["rules"] if entry["name"] == "route-answers"]

    assert (other["outcome"], other["reason"]) == ("not-run", "not selected")
    assert told["items"][6]["outcome"] == "not-run"
    assert told["coverage"] < 1


def test_a_rule_that_raises_costs_one_line_and_code_3_and_nothing_else(service: Path, more: Path) -> None:
    env = answering(more)
    written(more, {"more_rules/websockets/rule_raises.py": CRASHING.format(severity="LOW", confidence="HIGH")})
    ran = command("scan", "--select", "7", "--output-format", "json", cwd=service, env=env)
    told = document(ran)

    assert ran.code == 3
    assert ran.err.startswith(
        "error: rule rule-raises crashed, so nothing is known of it: "
        "LookupError: no idea (more_rules/websockets/rule_raises.py:"
    )
    assert ran.err.count("\n") == 1
    outcomes = {entry["name"]: entry["outcome"] for entry in told["rules"]}
    assert (outcomes["rule-raises"], outcomes["route-answers"]) == ("error", "fail")
    assert "open-socket" not in outcomes
    assert scan(service, "--exit-zero", "--select", "rule-raises", env=env).code == 3


def test_a_crash_below_a_rule_names_the_line_of_the_rule_too(service: Path, more: Path) -> None:
    source = RULE.format(severity="LOW", confidence="HIGH").replace("route.row()", "json.loads('{')")
    env = plugin(more, "rule_raises", source.replace('"""\n\nfrom', '"""\n\nimport json\nfrom', 1))
    ran = command("scan", "--select", "rule-raises", cwd=service, env=env)

    assert re.search(r"\(more_rules/websockets/rule_raises\.py:\d+ → \S+/json/decoder\.py:\d+\)\n$", ran.err)


def test_colour_follows_the_environment(service: Path, more: Path) -> None:
    env = answering(more)
    forced = dict(env) | {"FORCE_COLOR": "1"}

    assert "\x1b[" not in scan(service, env=env).out
    assert "\x1b[1m" in scan(service, env=forced).out
    assert "\x1b[" not in scan(service, env=forced | {"NO_COLOR": "1"}).out
    assert "\x1b[" not in scan(service, "--output-format", "json", env=forced).out


def test_a_terminal_that_knows_no_blocks_gets_ascii(service: Path, more: Path) -> None:
    ran = scan(service, env=dict(answering(more)) | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})

    assert ran.code == 1
    assert ran.out.isascii()
    assert "#####" in ran.out


def test_paths_begin_as_the_folder_was_typed(service: Path, more: Path) -> None:
    ran = command("scan", "service", "--select", "route-answers", cwd=service.parent, env=answering(more))

    assert ran.out.startswith("service/main.py:6:")


def test_a_file_stands_for_its_folder(service: Path, more: Path) -> None:
    ran = scan(service, "main.py", env=answering(more))

    assert ran.err == "note: main.py is a file; auditing its folder ., as a route is judged with its project\n"
    assert ran.out.startswith("main.py:6:")


def test_excluded_files_are_not_read(service: Path) -> None:
    ran = command("scan", "--exclude", "main.py", cwd=service)

    assert ran.code == 2
    assert ran.err == "error: no FastAPI application found under .; looked at 0 Python files\n"


def test_a_report_may_go_to_a_device(service: Path, more: Path) -> None:
    ran = scan(service, "--output-format", "json", "--output-file", "/dev/stdout", env=answering(more))

    assert document(ran)["schema_version"] == "1"
    assert Path("/dev/stdout").is_symlink()


def test_a_report_behind_a_link_replaces_the_file_not_the_link(service: Path, more: Path) -> None:
    (service / "link.txt").symlink_to("real.txt")
    (service / "real.txt").write_text("old")

    scan(service, "--output-file", "link.txt", env=answering(more))

    assert (service / "link.txt").is_symlink()
    assert "it answers" in (service / "real.txt").read_text()


def test_a_reader_that_has_gone_changes_no_exit_code(service: Path, more: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = scan(service, env=answering(more), stdout=writer)
    finally:
        os.close(writer)

    assert (ran.code, ran.err) == (1, "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import no_such_module",
            "the rules of more_rules cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'; repair ",
        ),
        ("x = 1", "more_rules.websockets.broken: a module of rules defines `rule`, a fastapi_audit.rule.Rule"),
    ],
)
def test_a_broken_package_of_rules_is_named(service: Path, more: Path, source: str, message: str) -> None:
    ran = scan(service, env=plugin(more, "broken", source))

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {message}")
    assert ran.err.count("\n") == 1


def test_patterns_of_a_config_above_the_folder_mean_paths_from_that_config(tmp_path: Path, more: Path) -> None:
    written(
        tmp_path,
        {
            ".git/HEAD": "",
            "fastapi-audit.toml": 'exclude = ["api/old/"]\nper-file-ignores = {"api/main.py" = ["7"]}',
            "api/main.py": APPLICATION,
            "api/old/main.py": APPLICATION,
            "api/new/main.py": APPLICATION,
        },
    )
    ran = command("scan", "--select", "7", "--output-format", "json", cwd=tmp_path / "api", env=answering(more))

    told = {finding["location"]["path"]: finding["suppressed"] for finding in document(ran)["findings"]}
    assert told == {"main.py": {"kind": "config", "reason": "per-file-ignores: /main.py"}, "new/main.py": None}
