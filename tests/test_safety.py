"""What SECURITY.md promises of a scan: nothing of the project runs, nothing outside of it is read or written."""

import json
import os
import re
from pathlib import Path
from tempfile import gettempdir

import pytest

from command import APPLICATION, written
from fastapi_audit.reports import FORMATS
from watched import Watched, watched

pytestmark = pytest.mark.timeout(300)

RULE = """\
name: no-print
item: structured-logging
severity: medium
message: "`print($$$WHAT)` reaches no log"
rule:
  pattern: print($$$WHAT)
bad: ["print(1)  # finding\\n"]
good: ["log(1)\\n"]
"""

ENTRY_POINTS = "[fastapi_audit.rules]\nevil = evil\n[console_scripts]\nfastapi-audit = evil:main\n"

PYPROJECT = """\
[build-system]
requires = []
build-backend = "evil"
backend-path = ["."]

[project]
name = "evil"
version = "1"

[project.entry-points."fastapi_audit.rules"]
evil = "evil"

[project.entry-points.pytest11]
evil = "evil"

[tool.fastapi-audit]
rules = ["audit-rules"]

[tool.pytest.ini_options]
addopts = "-p evil"

[tool.mypy]
plugins = ["evil"]
"""


def trapped(folder: Path, sprung: Path) -> Path:
    """A project in which everything that could be executed leaves a file when it is."""

    def python(name: str) -> str:
        return f"open({str(sprung / name)!r}, 'w').close()\n"

    def shell(name: str) -> str:
        return f"#!/bin/sh\ntouch '{sprung / name}'\n"

    modules = (
        "conftest.py", "setup.py", "sitecustomize.py", "usercustomize.py", "fastapi_audit/__init__.py", "evil.py",
        "fastapi_audit/__main__.py", "fastapi_audit/cli.py", "typer.py", "secrets.py", "ast.py",
        "json.py", "sqlite3.py", "app/__init__.py", "gunicorn.conf.py", "alembic/env.py", "alembic/versions/a.py",
        "noxfile.py", "audit-rules/evil.py", "audit-rules/__init__.py", "websockets/__init__.py", "pydantic.py",
        "evil/websockets/evil.py", "manage.py", "tasks.py", "libcst.py", "rich.py", "jinja2.py",
    )  # fmt: skip
    scripts = (
        ".git/hooks/pre-commit", ".git/hooks/post-checkout", ".git/hooks/fsmonitor-watchman", ".venv/bin/python",
        "venv/bin/activate", "entrypoint.sh", "start.sh", "git", "node_modules/.bin/x",
    )  # fmt: skip
    written(folder, {name: python(name.replace("/", "-")) for name in modules})
    written(folder, {name: shell(name.replace("/", "-")) for name in scripts})
    for name in scripts:
        (folder / name).chmod(0o755)
    hook = folder / ".git/hooks/fsmonitor-watchman"
    return written(
        folder,
        {
            "app/main.py": python("app-main") + APPLICATION + "print(1)\n",
            "evil.pth": f"import os; os.mkdir({str(sprung / 'pth')!r})\n",
            "__editable__.evil.pth": f"import os; os.mkdir({str(sprung / 'editable')!r})\n",
            "evil.egg-info/entry_points.txt": ENTRY_POINTS,
            "evil-1.dist-info/entry_points.txt": ENTRY_POINTS,
            "evil-1.dist-info/METADATA": "Name: evil\nVersion: 1\n",
            ".git/config": f"[core]\n\tfsmonitor = {hook}\n\tpager = {hook}\n",
            ".git/HEAD": "ref: refs/heads/main\n",
            ".env": f"PYTHONSTARTUP=evil.py\nPYTHONPATH=.\nLD_PRELOAD={folder}/evil.so\nBASH_ENV=start.sh\n",
            "pyproject.toml": PYPROJECT,
            "audit-rules/rule.yml": RULE,
            "Makefile": f"$(shell touch {sprung}/make)\n",
            "Dockerfile": 'FROM python:3.12-slim\nCOPY . .\nENTRYPOINT ["./entrypoint.sh"]\n',
            "compose.yaml": "services:\n  api:\n    build: .\n    env_file: .env\n",
        },
    )


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A home, a folder where traps leave their traces, and one for reports."""
    for name in ("home", "sprung", "out"):
        (tmp_path / name).mkdir()
    return tmp_path / "home", tmp_path / "sprung", tmp_path / "out"


def assert_nothing_ran(seen: Watched, project: Path, sprung: Path) -> None:
    assert seen.ran.code in (0, 1), seen.ran.err
    assert list(sprung.iterdir()) == []
    assert seen.below(project, "exec") == []
    assert [entry for entry in seen.noted if entry[0] in ("process", "network")] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "."],
        ["scan", ".", *(f"--report={name}=../out/report.{name}" for name in FORMATS)],
        ["scan", ".", "--fix", "--unsafe-fixes"],
        ["scan", ".", "--diff", "--unsafe-fixes"],
        ["routes", "."],
        ["baseline", "write", "."],
        ["rules"],
        ["rules", "test", "audit-rules"],
        ["explain", "no-print"],
    ],
    ids=lambda arguments: " ".join(arguments[:3])[:30],
)
def test_nothing_of_the_project_runs(tmp_path: Path, places: tuple[Path, Path, Path], arguments: list[str]) -> None:
    home, sprung, out = places
    project = trapped(tmp_path / "project", sprung)
    seen = watched(*arguments, cwd=project, home=home)

    assert_nothing_ran(seen, project, sprung)
    writes_there = arguments[0] == "baseline" or "--fix" in arguments
    # The examples of own rules are projects of a moment, in the folder for such things.
    drafts = [Path(gettempdir())] if arguments[:2] == ["rules", "test"] else []
    assert seen.outside(home / ".cache", out, *drafts, *([project] if writes_there else [])) == []


def test_the_watch_sees_what_it_is_there_for(tmp_path: Path, places: tuple[Path, Path, Path]) -> None:
    home, sprung, _ = places
    project = trapped(tmp_path / "project", sprung)
    seen = watched("scan", ".", cwd=project, home=home)

    assert ("read", str((project / "app/main.py").resolve())) in seen.noted
    assert seen.below(home / ".cache", "write")
    assert any(kind == "exec" and path.endswith("fastapi_audit/cli/__init__.py") for kind, path in seen.noted)


def test_a_report_is_made_of_the_scorecard_alone(tmp_path: Path, places: tuple[Path, Path, Path]) -> None:
    home, sprung, out = places
    project = trapped(tmp_path / "project", sprung)
    watched("scan", ".", "--report", f"json={out}/scan.json", cwd=project, home=home)
    seen = watched("report", out / "scan.json", "--report", f"html={out}/report.html", cwd=project, home=home)

    assert_nothing_ran(seen, project, sprung)
    assert seen.outside(out) == []
    assert [path for _, path in seen.below(project, "read")] == []


OUTWARD = {
    "requirements.txt": "-r ../elsewhere/requirements.txt\n-c ../elsewhere/constraints.txt\nfastapi\n",
    "compose.yaml": "include: [../elsewhere/compose.yaml]\nservices:\n  api:\n    env_file: ../elsewhere/.env\n"
    "    build: {context: ../elsewhere, dockerfile: ../elsewhere/Dockerfile}\n"
    "    extends: {file: ../elsewhere/compose.yaml, service: api}\n",
    "nginx.conf": "events {}\nhttp { include ../elsewhere/*.conf; server { listen 80; } }\n",
    "prometheus.yml": "rule_files: [../elsewhere/alerts.yml]\nscrape_configs: []\n",
    "gunicorn.conf.py": "import os\nbind = open('../elsewhere/bind').read()\n",
    "start.sh": ". ../elsewhere/env.sh\nexec uvicorn main:app --env-file ../elsewhere/.env\n",
    ".git": "gitdir: ../elsewhere/git\n",
}

LINKED = (
    "linked.py", "Dockerfile", ".gitignore", "pyproject.lock", ".env", "alerts.yml", "folder", "app/.gitignore",
    "poetry.lock", ".fastapi-audit-baseline.json",
)  # fmt: skip


@pytest.fixture
def outward(tmp_path: Path) -> Path:
    """A project of which every file leads out of it."""
    names = (
        "requirements.txt",
        "constraints.txt",
        "compose.yaml",
        ".env",
        "Dockerfile",
        "a.conf",
        "alerts.yml",
        "bind",
    )
    written(tmp_path / "elsewhere", dict.fromkeys(names, "secret\n"))
    project = written(tmp_path / "project", {"main.py": APPLICATION, "app/__init__.py": "", **OUTWARD})
    for name in LINKED:
        target = tmp_path / "elsewhere" / ("" if name == "folder" else ".env")
        (project / name).symlink_to(target)
    return project


@pytest.mark.parametrize("arguments", [["scan", "."], ["routes", "."]], ids=lambda arguments: arguments[0])
def test_nothing_outside_of_the_project_is_read(
    outward: Path, places: tuple[Path, Path, Path], arguments: list[str]
) -> None:
    (outward / ".fastapi-audit-baseline.json").unlink()
    seen = watched(*arguments, cwd=outward, home=places[0])

    assert seen.ran.code in (0, 1), seen.ran.err
    assert seen.below(outward.parent / "elsewhere", "read", "write") == []
    assert "secret" not in seen.ran.out + seen.ran.err


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("baseline", '"../elsewhere/baseline.json"'),
        ("baseline", '"/etc/hostname"'),
        ("rules", '["../elsewhere"]'),
        ("rules", '["folder"]'),
        ("rules", '["/etc"]'),
    ],
)
@pytest.mark.parametrize("arguments", [["scan", "."], ["baseline", "write", "."]], ids=lambda arguments: arguments[0])
def test_the_config_of_a_project_leads_nowhere_else(
    outward: Path, places: tuple[Path, Path, Path], key: str, value: str, arguments: list[str]
) -> None:
    (outward / ".fastapi-audit-baseline.json").unlink()
    written(outward, {"fastapi-audit.toml": f"{key} = {value}\n"})
    seen = watched(*arguments, cwd=outward, home=places[0])

    assert seen.ran.code == 2
    assert seen.ran.err.count("\n") == 1
    assert seen.below(outward.parent / "elsewhere", "read", "write") == []
    assert seen.outside(places[0] / ".cache") == []


def test_a_baseline_that_is_a_link_out_of_the_project_is_refused(
    outward: Path, places: tuple[Path, Path, Path]
) -> None:
    for arguments in (["scan", "."], ["baseline", "write", "."]):
        seen = watched(*arguments, cwd=outward, home=places[0])

        assert seen.ran.code == 2
        assert "outside the project" in seen.ran.err
        assert seen.below(outward.parent / "elsewhere", "read", "write") == []


@pytest.mark.parametrize("name", ["fastapi-audit.toml", "pyproject.toml"])
def test_a_config_that_is_a_link_out_of_the_project_is_refused(
    tmp_path: Path, places: tuple[Path, Path, Path], name: str
) -> None:
    written(tmp_path / "elsewhere", {"config": "[tool.fastapi-audit]\nselect = ['secret']\n"})
    project = written(tmp_path / "project", {"main.py": APPLICATION})
    (project / name).symlink_to("../elsewhere/config")
    seen = watched("scan", ".", cwd=project, home=places[0])

    assert seen.ran.code == 2
    assert seen.ran.err.startswith("error: ")
    assert seen.below(tmp_path / "elsewhere", "read") == []


@pytest.mark.parametrize("name", [".gitignore", "app/.gitignore", ".git/index", "pyproject.toml", "fastapi-audit.toml",
                                  ".fastapi-audit-baseline.json", ".env", "compose.yaml", "x.py"])  # fmt: skip
def test_no_pipe_is_waited_for(tmp_path: Path, places: tuple[Path, Path, Path], name: str) -> None:
    project = written(tmp_path / "project", {"main.py": APPLICATION, "app/__init__.py": "", ".git/HEAD": ""})
    os.mkfifo(project / name)
    seen = watched("scan", ".", "--exit-zero", cwd=project, home=places[0], seconds=40)

    assert seen.ran.code in (0, 2), seen.ran.err


def test_no_terminal_escape_of_the_project_reaches_a_stream(tmp_path: Path, places: tuple[Path, Path, Path]) -> None:
    path = "\x1b]0;x\x07\u202e"
    files = {
        "main.py": APPLICATION.replace("/users", f"/{path}") + f"    time.sleep(1)  # {path}\n",
        f"{path}.py": f"def broken(:  # {path}\n",
        f"{path}/main.py": f"import time\n# fastapi-audit: ignore[{path}]\nx = 1\n",
        "Dockerfile": f"FROM {path}\nENV SECRET_KEY={path}-a8F3kQ92hLm4Zx71TbVn\nCMD uvicorn main:app\n",
        "compose.yaml": f'services: {{"{path}": {{image: "a:{path}"}}}}\n',
        "requirements.txt": f"fastapi=={path}\n-r {path}\n",
    }
    project = written(tmp_path / "project", files)
    broken = written(tmp_path / "broken", {"main.py": APPLICATION, "fastapi-audit.toml": f'"{path}" = 1\n'})
    # What is made for programs is read by programs; JSON has no control characters, but may turn the direction.
    people = ("text", "concise", "markdown", "github")
    runs = [watched("scan", "--output-format", name, ".", cwd=project, home=places[0]) for name in people]
    runs += [watched("routes", ".", cwd=project, home=places[0]), watched("scan", ".", cwd=broken, home=places[0])]
    runs += [watched("scan", f"no-{path}", cwd=project, home=places[0])]
    runs += [watched("scan", ".", "--select", path, cwd=project, home=places[0])]

    for seen in runs:
        for text in (seen.ran.out, seen.ran.err):
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), text[:2000]


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path, places: tuple[Path, Path, Path]) -> None:
    project = written(tmp_path / "project", {"main.py": APPLICATION})
    seen = watched("scan", ".", "--report", "json=scan.json", "--exit-zero", cwd=project, home=places[0])

    assert json.loads((project / "scan.json").read_text())["schema_version"] == "1"
    assert sorted(path.name for path in project.iterdir()) == ["main.py", "scan.json"]
    # Written beside it under a name of its own, then put in its place at once.
    assert ("write", str(project.resolve() / "scan.json")) in seen.noted
    drafts = {path for _, path in seen.below(project, "write") if "/.fastapi-audit-" in path}
    assert len(drafts) == 1
