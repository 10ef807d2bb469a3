"""`scan --fix` and `--diff`: what is written, what is shown, and what is reported afterwards."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from command import APPLICATION, Ran, command, plugin, written

RULE = '''\
"""Route says users

For the tests of the command.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Project
from fastapi_audit.rule import Bad, Edit, Finding, Fix, Good, Location, Rule, Severity

rule = Rule(__name__, __doc__, severity=Severity.HIGH, examples=[Bad("x = 1  # finding", fixed="x = 2"), Good("x = 2")])


@rule.check
def says_users(project: Project) -> Iterator[Finding]:
    text = project.text("main.py") or ""
    start = text.find("/users")
    if start >= 0:
        fix = Fix("say people", (Edit("main.py", start, "/users", "/people"),), safe={safe})
        yield Finding("it says users", Location("main.py", 6, 10, 6, 18), fix=fix)
'''

FIXED = APPLICATION.replace("/users", "/people")


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return written(tmp_path / "service", {"main.py": APPLICATION})


def scan(service: Path, env: Mapping[str, str], *arguments: str) -> Ran:
    return command("scan", "--select", "route-says-users", *arguments, cwd=service, env=env)


def installed(service: Path, *, safe: bool) -> Mapping[str, str]:
    return plugin(service.parent / "more", "route_says_users", RULE.format(safe=safe))


def test_a_safe_fix_is_applied_and_the_report_is_of_what_is_left(service: Path) -> None:
    ran = scan(service, installed(service, safe=True), "--fix")

    assert (service / "main.py").read_text() == FIXED
    assert ran.code == 0
    assert ran.err == "fixed 1 finding in 1 file\n"
    assert ran.out.startswith("No findings in 1 route.")


def test_an_unsafe_fix_waits_for_its_flag(service: Path) -> None:
    env = installed(service, safe=False)
    ran = scan(service, env, "--fix")

    assert (service / "main.py").read_text() == APPLICATION
    assert ran.code == 1
    assert ran.err == "fixed 0 findings in 0 files\n"
    assert "  fix: say people (`--fix --unsafe-fixes`)\n" in ran.out

    scan(service, env, "--fix", "--unsafe-fixes")
    assert (service / "main.py").read_text() == FIXED


def test_a_suppressed_finding_is_not_fixed(service: Path) -> None:
    scan(service, installed(service, safe=True), "--fix", "--ignore", "websockets")

    assert (service / "main.py").read_text() == APPLICATION


def test_diff_shows_and_writes_nothing(service: Path) -> None:
    ran = scan(service, installed(service, safe=True), "--diff")

    assert ran.code == 1
    assert '-@app.get("/users")\n+@app.get("/people")\n' in ran.out
    assert ran.out.startswith("--- ")
    assert (service / "main.py").read_text() == APPLICATION


def test_diff_with_nothing_to_fix_is_silent_and_code_0(service: Path) -> None:
    ran = scan(service, installed(service, safe=False), "--diff")

    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.parametrize("encoding", ["latin-1", "no-such-codec"])
def test_a_fix_that_touches_a_file_of_another_encoding_is_refused_whole(service: Path, encoding: str) -> None:
    rule = RULE.format(safe=True).replace('"/people"),', '"/people"), Edit("other.py", 0, "", "#"),')
    env = plugin(service.parent / "more", "route_says_users", rule)
    before = written(service, {"other.py": f"# coding: {encoding}\n"}) / "other.py"

    for flag in ("--diff", "--fix"):
        ran = scan(service, env, flag)
        assert "other.py declares another encoding than UTF-8" in ran.err
    assert (service / "main.py").read_text() == APPLICATION
    assert before.read_text() == f"# coding: {encoding}\n"
