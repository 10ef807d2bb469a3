"""Rules of another distribution: built, installed and found by its entry point; its mistakes are one line, code 2."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from command import APPLICATION, command, plugin, written

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "house-rules"
version = "1.0"

[project.entry-points."fastapi_audit.rules"]
house = "house_rules"

[tool.hatch.build.targets.wheel]
packages = ["house_rules"]
"""

RULE = '''\
"""Route without a version

Clients pin themselves to a path; without a version in it no route can ever change.

## Use instead
Begin the path with `/v1`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    examples=[
        Bad("""
        from fastapi import FastAPI
        app = FastAPI()
        @app.get("/users")  # finding
        def users(): ...
        """),
        Good("""
        from fastapi import FastAPI
        app = FastAPI()
        @app.get("/v1/users")
        def users(): ...
        """),
    ],
)


@rule.check
def unversioned(route: Route) -> Iterator[Finding]:
    if not route.full_path.startswith("/v1"):
        yield route.finding(f"`{route.full_path}` has no version; begin it with `/v1`")
'''

MODULE = "house_rules/typed_async_api/route_without_version.py"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment in which the command sees a distribution that was built as a wheel and installed by pip."""
    place = tmp_path_factory.mktemp("installed")
    project = written(
        place / "project",
        {
            "pyproject.toml": PYPROJECT,
            "house_rules/__init__.py": "",
            "house_rules/typed_async_api/__init__.py": "",
            MODULE: RULE,
        },
    )
    run(["hatchling", "build", "-t", "wheel"], project)
    (wheel,) = (project / "dist").glob("*.whl")
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--target", str(place / "site")]
    run(["pip", "install", *options, str(wheel)], project)
    return seen(place / "site")


def run(module: list[str], folder: Path) -> None:
    done = subprocess.run([sys.executable, "-m", *module], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def seen(site: Path) -> Mapping[str, str]:
    inherited = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    return {"PYTHONPATH": os.pathsep.join([str(site), *inherited])}


def test_an_installed_rule_runs_and_is_suppressed_like_ours(installed: Mapping[str, str], tmp_path: Path) -> None:
    service = written(tmp_path / "service", {"main.py": APPLICATION})
    select = ("scan", ".", "--select", "route-without-version", "--output-format", "concise")

    loud = command(*select, cwd=service, env=installed)
    quiet = APPLICATION.replace(
        '@app.get("/users")', '@app.get("/users")  # fastapi-audit: ignore[route-without-version]'
    )
    silent = command(*select, cwd=written(service, {"main.py": quiet}), env=installed)
    without = command(*select, cwd=service)

    assert loud.code == 1
    assert "main.py:6:" in loud.out
    assert "`/users` has no version; begin it with `/v1`" in loud.out
    assert silent.code == 0
    assert "no version" not in silent.out
    assert (without.code, without.err.count("\n")) == (2, 1)


def test_an_installed_rule_is_listed_and_explained(installed: Mapping[str, str], tmp_path: Path) -> None:
    listed = json.loads(command("rules", "--output-format", "json", cwd=tmp_path, env=installed).out)["rules"]
    page = command("explain", "route-without-version", cwd=tmp_path, env=installed).out

    (entry,) = [rule for rule in listed if rule["origin"] != "fastapi-audit"]
    assert (entry["name"], entry["item"], entry["origin"]) == ("route-without-version", 17, "house_rules")
    assert "**Route without a version**" in page
    assert "Begin the path with `/v1`." in page
    assert page.rstrip().endswith(f"Source: `{MODULE}`, a rule of the installed package `house_rules`")


BROKEN = "the rules of more_rules cannot be loaded: "
REMEDY = "; repair or uninstall the package"
SIGNATURE = "a check takes one subject of fastapi_audit.evidence, then at most a Project"
OURS = "fastapi_audit.checks.typed_async_api.blocking_call"


@pytest.mark.parametrize(
    ("module", "source", "told"),
    [
        ("late", "import no_such_module", f"{BROKEN}ModuleNotFoundError: No module named 'no_such_module'{REMEDY}"),
        ("late", "1 / 0", f"{BROKEN}ZeroDivisionError: division by zero{REMEDY}"),
        ("late", "def (", f"{BROKEN}SyntaxError: invalid syntax (late.py, line 1){REMEDY}"),
        (
            "late",
            RULE.replace("(route: Route)", "(route: int)"),
            f"{BROKEN}TypeError: more_rules.websockets.late: {SIGNATURE}{REMEDY}",
        ),
        (
            "late",
            "rule = 1",
            "more_rules.websockets.late: a module of rules defines `rule`, a fastapi_audit.rule.Rule",
        ),
        (
            "blocking_call",
            RULE,
            f"two rules are called `blocking-call`: {OURS} and more_rules.websockets.blocking_call{REMEDY}",
        ),
    ],
)
def test_a_package_that_cannot_be_used_is_one_line(tmp_path: Path, module: str, source: str, told: str) -> None:
    service = written(tmp_path / "service", {"main.py": APPLICATION})

    ran = command("scan", ".", cwd=service, env=plugin(tmp_path / "more", module, source))

    assert (ran.code, ran.out, ran.err) == (2, "", f"error: {told}\n")


def test_a_package_without_rules_or_without_a_module_is_one_line(tmp_path: Path) -> None:
    environment = plugin(tmp_path / "more", "one", RULE)
    (tmp_path / "more/more_rules/websockets").rename(tmp_path / "more/more_rules/web_sockets")

    misnamed = command("rules", cwd=tmp_path, env=environment)
    (tmp_path / "more/more_rules").rename(tmp_path / "more/gone")
    missing = command("rules", cwd=tmp_path, env=environment)

    assert (misnamed.code, missing.code) == (2, 2)
    assert misnamed.err == (
        f"error: more_rules has no rules: it needs packages named like items, such as `more_rules.websockets`{REMEDY}\n"
    )
    assert missing.err == f"error: {BROKEN}ModuleNotFoundError: No module named 'more_rules'{REMEDY}\n"
