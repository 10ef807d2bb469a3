"""A team's own rules in YAML, through the public command: found, placed, suppressed, chosen, repaired, listed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from command import Ran, command, written

CONFIG = '[tool.fastapi-audit]\nrules = ["audit-rules"]\n'

SERVICE = """\
import time

from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket

import storage

app = FastAPI()


def load(name):
    note("load"); return storage.fetch(name)


def session():
    note("session")


async def mail(name):
    note("mail")


@app.get("/users")
async def users(name: str, tasks: BackgroundTasks, one=Depends(session)):
    kept = "é𝒳"; note(name, "token")
    tasks.add_task(mail, name)
    return load(name)


@app.get("/plain")
def plain():
    note("plain")


@app.websocket("/feed")
async def feed(socket: WebSocket):
    note("feed")


@app.middleware("http")
async def timed(request, call_next):
    note("timed")
    return await call_next(request)


@app.exception_handler(ValueError)
async def failed(request, error):
    note("failed")


@app.on_event("startup")
async def begin():
    note("begin")


def nobody_calls():
    note("nobody")


note("module")
"""

STORAGE = """\
def fetch(name):
    note("fetch")
"""

NOTE = """\
name: no-note
item: structured-logging
severity: medium
message: "`note($$$ARGS)` is lost; log it"
rule:
  pattern: note($$$ARGS)
"""


def service(folder: Path, *rules: str, **files: str) -> Path:
    given = {
        "pyproject.toml": CONFIG,
        "main.py": SERVICE,
        "storage.py": STORAGE,
        "tests/test_main.py": 'import main\n\nnote("test")\n',
        **{f"audit-rules/{number}.yml": rule for number, rule in enumerate(rules)},
    }
    return written(folder / "service", given | {path.replace("__", "/"): text for path, text in files.items()})


def scanned(project: Path, *flags: str) -> dict[str, Any]:
    ran = command("scan", ".", "--output-format", "json", "--exit-zero", *flags, cwd=project)
    assert ran.code == 0, ran.err
    card: dict[str, Any] = json.loads(ran.out)
    return card


def findings(card: dict[str, Any], rule: str = "no-note") -> list[dict[str, Any]]:
    return [finding for finding in card["findings"] if finding["rule"] == rule]


def functions(card: dict[str, Any]) -> set[str]:
    """What `note` is told in the reported lines."""
    lines = {"main.py": SERVICE.split("\n"), "storage.py": STORAGE.split("\n")}
    return {
        lines[f["location"]["path"]][f["location"]["line"] - 1].partition("note(")[2].partition(")")[0].strip('"')
        for f in findings(card)
    }


EVERYWHERE = {
    'name, "token', "load", "session", "mail", "plain", "feed", "timed", "failed", "begin", "nobody", "module", "fetch",
}  # fmt: skip
REQUESTS = EVERYWHERE - {"begin", "nobody", "module"}


def test_only_the_application_is_searched(tmp_path: Path) -> None:
    assert functions(scanned(service(tmp_path, NOTE))) == EVERYWHERE


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("route", {'name, "token', "plain"}),
        ("async-route", {'name, "token'}),
        ("dependency", {"session"}),
        ("middleware", {"timed"}),
        ("exception-handler", {"failed"}),
        ("websocket", {"feed"}),
        ("background-task", {"mail"}),
        ("lifespan", {"begin"}),
        ("request-path", REQUESTS),
        ("event-loop", REQUESTS - {"session", "plain"} | {"begin"}),
        ("[websocket, middleware]", {"feed", "timed"}),
    ],
)
def test_a_context_narrows_a_rule(tmp_path: Path, context: str, expected: set[str]) -> None:
    assert functions(scanned(service(tmp_path, f"{NOTE}within: {context}\n"))) == expected


def test_a_context_without_code_is_not_a_pass(tmp_path: Path) -> None:
    project = service(tmp_path, f"{NOTE}within: websocket\n", **{"main.py": SERVICE.replace("@app.websocket", "#")})

    (result,) = [entry for entry in scanned(project)["rules"] if entry["name"] == "no-note"]

    assert result["outcome"] == "not-applicable"


def test_a_finding_has_its_place_message_and_way(tmp_path: Path) -> None:
    found = findings(scanned(service(tmp_path, f"{NOTE}within: request-path\n")))

    (route,) = [f for f in found if f["operation"] == "GET /users" and "name" in f["message"]]
    (deep,) = [f for f in found if f["location"]["path"] == "storage.py"]
    # The characters before it count as code points, not as bytes or UTF-16 units.
    assert (route["location"]["line"], route["location"]["column"], route["location"]["end_column"]) == (24, 18, 37)
    assert route["message"] == '`note(name, "…")` is lost; log it'
    assert [step["message"] for step in deep["trace"]] == ["`users` (route)", "calls `load`", "calls `fetch`"]
    assert len({f["fingerprint"] for f in found}) == len(found)
    assert {f["item"] for f in found} == {2}


def test_it_is_suppressed_and_chosen_like_ours(tmp_path: Path) -> None:
    quiet = SERVICE.replace('note("plain")', 'note("plain")  # fastapi-audit: ignore[no-note] asked for')
    project = service(tmp_path, f"{NOTE}within: route\n", **{"main.py": quiet})
    per_file = f'{CONFIG}[tool.fastapi-audit.per-file-ignores]\n"main.py" = ["no-note"]\n'

    by_comment = [f["suppressed"] for f in findings(scanned(project, "--select", "no-note"))]
    by_flag = [f["suppressed"]["kind"] for f in findings(scanned(project, "--ignore", "2")) if f["suppressed"]]
    deselected = findings(scanned(project, "--select", "blocking-call"))
    written(project, {"pyproject.toml": per_file})
    by_file = [f["suppressed"]["kind"] for f in findings(scanned(project))]

    assert by_comment == [None, {"kind": "comment", "reason": "asked for"}]
    assert by_flag == ["config", "comment"]
    assert deselected == []
    assert by_file == ["config", "comment"]


def test_confidence_hides_and_severity_fails(tmp_path: Path) -> None:
    guess = service(tmp_path / "guess", f"{NOTE}confidence: low\n")
    bad = service(tmp_path / "bad", NOTE.replace("medium", "critical"))
    low = service(tmp_path / "low", NOTE.replace("medium", "low"))

    assert {f["suppressed"]["kind"] for f in findings(scanned(guess))} == {"confidence"}
    assert command("scan", ".", "--select", "no-note", cwd=bad).code == 1
    assert command("scan", ".", "--select", "no-note", cwd=low).code == 0


def test_sarif_and_the_lists_mark_it_as_the_teams_own(tmp_path: Path) -> None:
    project = service(tmp_path, f"{NOTE}url: https://example.com/logging\nnote: Nobody reads it.\ncwe: CWE-778\n")

    sarif = json.loads(command("scan", ".", "--output-format", "sarif", "--select", "no-note", cwd=project).out)
    (rule,) = sarif["runs"][0]["tool"]["driver"]["rules"]
    listed = json.loads(command("rules", "--output-format", "json", cwd=project).out)["rules"]
    (own,) = [entry for entry in listed if entry["name"] == "no-note"]
    text = command("rules", cwd=project).out
    page = command("explain", "no-note", cwd=project).out

    assert {"structured-logging", "origin/project", "external/cwe/cwe-778"} <= set(rule["properties"]["tags"])
    assert rule["helpUri"] == "https://example.com/logging"
    assert (own["origin"], own["file"], own["title"]) == ("project", "audit-rules/0.yml:1", "`note($$$ARGS)` is lost")
    assert {entry["origin"] for entry in listed if entry is not own} == {"fastapi-audit"}
    assert "`note($$$ARGS)` is lost  [project]" in text
    assert "Nobody reads it." in page
    assert page.rstrip().endswith("Source: `audit-rules/0.yml:1`, a rule of this project's team")
    assert "no-note" not in command("rules", "--isolated", cwd=project).out


FIX = """\
name: no-note
item: 2
severity: low
message: log it
within: route
rule:
  pattern: note($FIRST, $$$REST)
fix: |
  if verbose:
      logger.info($FIRST, $$$REST)
"""


@pytest.mark.parametrize(
    ("safe", "flags", "applied"), [("true", (), True), ("false", (), False), ("false", ("--unsafe-fixes",), True)]
)
def test_a_fix_is_applied_when_it_is_safe_or_asked_for(
    tmp_path: Path,
    safe: str,
    flags: tuple[str, ...],
    applied: bool,  # noqa: FBT001  a case of a table
) -> None:
    code = SERVICE.replace('kept = "é𝒳"; note', 'kept = "é𝒳"\r\n    note').replace("\n", "\r\n").replace("\r\r", "\r")
    project = written(service(tmp_path, f"{FIX}safe: {safe}\n"), {"main.py": code.encode()})

    ran = command("scan", ".", "--fix", *flags, "--select", "no-note", cwd=project)

    lines = (project / "main.py").read_bytes().decode()
    repaired = '    if verbose:\r\n        logger.info(name, "token")\r\n'
    assert ran.code == 0, ran.err
    assert (repaired in lines, 'note(name, "token")' in lines) == (applied, not applied)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{all: [{kind: call}, {pattern: note($X)}]}", EVERYWHERE - {'name, "token'}),
        ("{all: [{kind: call}, {any: [{pattern: 'note($A, $B)'}, {pattern: nothing()}]}]}", {'name, "token'}),
        ("{pattern: note($$$A), nthChild: 1, inside: {kind: expression_statement, nthChild: 2n+2}}", {'name, "token'}),
        (
            "{kind: expression_statement, has: {pattern: note($$$A)}, nthChild: {position: 1, reverse: true}}",
            EVERYWHERE - {"load", "timed", 'name, "token'},
        ),
        (
            "{pattern: note($$$A), inside: {kind: decorated_definition, stopBy: {kind: class_definition}}}",
            {'name, "token', "plain", "feed", "timed", "failed", "begin"},
        ),
        ("{kind: call, has: {field: function, regex: ^note$}}", EVERYWHERE),
        ("{pattern: {context: a = note($X), selector: call}}", EVERYWHERE - {'name, "token'}),
        ('{pattern: {context: note("plain"), strictness: cst}}', {"plain"}),
        ("{pattern: {context: 'note(\"plain\")', strictness: signature}}", EVERYWHERE - {'name, "token'}),
        ("{pattern: 'return storage.fetch($X)'}", {"load"}),
    ],
)
def test_every_key_of_a_rule_says_what_it_says_in_ast_grep(tmp_path: Path, rule: str, expected: set[str]) -> None:
    head = NOTE.partition("message:")[0] + "message: a note\n"
    assert functions(scanned(service(tmp_path, f"{head}rule: {rule}\n"))) == expected


def test_a_quote_is_short_and_shows_no_text(tmp_path: Path) -> None:
    project = service(tmp_path, NOTE.replace("note($$$ARGS)", "keep($$$ARGS)"))
    written(project, {"storage.py": f"keep(one,  'secret', 'x' 'y', {', '.join(f'word{n}' for n in range(40))})\n"})
    (finding,) = findings(scanned(project))
    assert finding["message"].startswith("`keep(one, '…', '…' '…', word0, word1, ")
    assert finding["message"].endswith("…)` is lost; log it")


def test_constraints_and_several_rules_in_a_file_do_not_mix(tmp_path: Path) -> None:
    two = (
        NOTE
        + "---\n"
        + NOTE.replace("no-note", "short-note").replace("note($$$ARGS)", "note($ARGS)")
        + "constraints:\n  ARGS: {regex: '^\"[fp]'}\n---\n"
        + NOTE.replace("no-note", "any-call").replace("note($$$ARGS)", "$ARGS($NAME)")
    )
    card = scanned(service(tmp_path, two))

    assert len(findings(card)) == len(EVERYWHERE)
    short = {(f["location"]["path"], f["message"]) for f in findings(card, "short-note")}
    assert short == {("main.py", '`note("…")` is lost; log it'), ("storage.py", '`note("…")` is lost; log it')}
    assert len(findings(card, "short-note")) == 4  # plain, feed, failed, fetch
    assert len(findings(card, "any-call")) > len(EVERYWHERE)


def test_without_own_rules_nothing_of_them_is_imported(tmp_path: Path) -> None:
    project = service(tmp_path)
    (project / "pyproject.toml").unlink()
    arguments = ["-X", "importtime", "-m", "fastapi_audit", "scan", "--no-cache", "--exit-zero", "."]

    def loaded() -> bool:
        run = subprocess.run([sys.executable, *arguments], cwd=project, capture_output=True, text=True, check=True)
        assert "fastapi_audit.audit" in run.stderr
        return "evidence.patterns" in run.stderr or "own_rules" in run.stderr

    assert not loaded()
    written(project, {"pyproject.toml": CONFIG, "audit-rules/a.yml": NOTE})
    assert loaded()


# rules test


TESTED = """\
name: no-note
item: 2
severity: low
message: log it
rule:
  pattern: note($X)
fix: logger.info($X)
bad:
  - |
    def f():
        note(1)  # finding
  - |
    # finding
    note(2)
good:
  - annotate(1)
fixed:
  - |
    def f():
        logger.info(1)
"""


def trial(tmp_path: Path, *rules: str) -> Ran:
    return command("rules", "test", "audit-rules", cwd=service(tmp_path, *rules))


def test_examples_that_hold_pass(tmp_path: Path) -> None:
    ran = trial(tmp_path, TESTED)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "ok    no-note  2 bad, 1 good, 1 fixed\n1 rule, 0 failed\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("note(1)  # finding", "note(1)"), "bad example 1: no line ends in `# finding`; mark what must be reported"),
        (("    note(2)", "    note()"), "bad example 2: expected main.py:2; found nothing"),
        (("    note(2)", "    x = 1\n    note(2)"), "bad example 2: expected main.py:2; found main.py:3"),
        (("- annotate(1)", "- note(1)"), "good example 1: expected silence; found main.py:1"),
        (
            ("        logger.info(1)", "        logger.info(2)"),
            "bad example 1: the fix leads to other code",
        ),
        (
            ("rule:\n", "within: websocket\nrule:\n"),
            "bad example 1: expected main.py:2; found nothing, as no code of the example runs where `within` says",
        ),
    ],
)
def test_examples_that_do_not_hold_are_told(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    ran = trial(tmp_path, TESTED.replace(*change))

    assert ran.code == 1
    assert ran.out.startswith("FAIL  no-note  2 bad, 1 good, 1 fixed\n")
    assert f"      audit-rules/0.yml:1: {told}" in ran.out
    assert ran.out.endswith("1 rule, 1 failed\n")


def test_a_rule_without_examples_is_named(tmp_path: Path) -> None:
    ran = trial(tmp_path, NOTE, TESTED.replace("no-note", "tested"))

    assert ran.code == 0
    assert "none  no-note  audit-rules/0.yml:1: no examples; add `bad` and `good`\n" in ran.out
    assert ran.out.endswith("2 rules, 0 failed; without examples: no-note\n")


def test_an_example_may_have_several_files_and_an_application(tmp_path: Path) -> None:
    rule = f"""{NOTE}within: route
bad:
  - main.py: |
      from fastapi import FastAPI
      from app import users
      app = FastAPI()
      app.get("/")(users.read)
    app/__init__.py: ""
    app/users.py: |
      def read():
          note(1)  # finding
good:
  - |
    from fastapi import FastAPI
    app = FastAPI()
    note(1)
"""
    assert trial(tmp_path, rule).out.startswith("ok    no-note  1 bad, 1 good\n")
