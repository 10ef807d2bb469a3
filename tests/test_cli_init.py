"""`fastapi-audit init`: what it writes is valid for those who read it, and nothing that was there is touched."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from command import APPLICATION, command, written
from fastapi_audit.config import discover, load
from pages import ROOT
from programs import program, ran

PYPROJECT = '[project]\nname = "shop"\nversion = "1"\n'
HOOKS = "repos: []\n"
WORKFLOW = ".github/workflows/fastapi-audit.yml"
FILES = {"fastapi-audit.toml", ".pre-commit-config.yaml", WORKFLOW}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = written(tmp_path / "project", {"main.py": APPLICATION})
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)  # noqa: S607  the one on the PATH
    return folder


def files(folder: Path) -> dict[str, bytes]:
    found = (file for file in folder.rglob("*") if file.is_file())
    every = {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}
    return {name: content for name, content in every.items() if not name.startswith(".git/")}


def test_a_bare_project_gets_all_three(project: Path) -> None:
    ran = command("init", cwd=project)

    assert ran.code == 0
    assert set(files(project)) == {"main.py", *FILES}
    assert set(re.findall(r"^wrote +(\S+)$", ran.out, re.MULTILINE)) == FILES


def test_a_second_run_leaves_everything_alone(project: Path) -> None:
    command("init", cwd=project)
    before = files(project)

    again = command("init", cwd=project)

    assert files(project) == before
    assert len(re.findall(r"^left alone ", again.out, re.MULTILINE)) == 3


def test_a_dry_run_writes_nothing_and_says_what_it_would(project: Path) -> None:
    before = files(project)

    ran = command("init", "--dry-run", cwd=project)

    assert files(project) == before
    assert set(re.findall(r"^would write +(\S+)$", ran.out, re.MULTILINE)) == FILES


@pytest.mark.parametrize("text", [PYPROJECT, PYPROJECT.rstrip("\n"), PYPROJECT.replace("\n", "\r\n")])
def test_a_pyproject_gets_a_table_and_keeps_every_byte(project: Path, text: str) -> None:
    file = project / "pyproject.toml"
    file.write_bytes(text.encode())

    command("init", cwd=project)

    after = file.read_bytes().decode()
    assert after.startswith(text)
    assert ("\r\n" in text) == (re.search(r"(?<!\r)\n", after) is None)
    assert tomllib.loads(after)["project"]["name"] == "shop"
    assert discover(project) == file.resolve()
    assert load(file).fail_on == "high"


@pytest.mark.parametrize("text", ["tool = {ruff = {}}\n", "not toml\n", "\udcff"], ids=["closed", "broken", "bytes"])
def test_a_pyproject_without_room_is_left_alone(project: Path, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    (project / "pyproject.toml").write_bytes(content)

    ran = command("init", cwd=project)

    assert (project / "pyproject.toml").read_bytes() == content
    assert (project / "fastapi-audit.toml").is_file() or ran.code == 2


def test_hooks_and_workflows_that_are_there_stay_as_they_are(project: Path) -> None:
    written(project, {".pre-commit-config.yaml": HOOKS, WORKFLOW: "name: mine\n"})

    ran = command("init", cwd=project)

    assert (project / ".pre-commit-config.yaml").read_text() == HOOKS
    assert (project / WORKFLOW).read_text() == "name: mine\n"
    assert "      - repo: local\n" in ran.out, "what to add by hand"


def test_a_link_out_of_the_repository_is_not_followed(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (project / ".github").symlink_to(outside)
    (project / "pyproject.toml").symlink_to(outside / "pyproject.toml")
    (outside / "pyproject.toml").write_text(PYPROJECT)
    (project / ".pre-commit-config.yaml").symlink_to(outside / "hooks.yaml")

    ran = command("init", cwd=project)

    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "is a link that leads out of the project" in ran.last_line
    assert [place.name for place in outside.iterdir()] == ["pyproject.toml"]
    assert (outside / "pyproject.toml").read_text() == PYPROJECT


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (".github", ".github/workflows/fastapi-audit.yml: its folder is a link out of the repository"),
        (".github/workflows", ".github/workflows/fastapi-audit.yml: its folder is a link out of the repository"),
    ],
)
def test_a_linked_folder_is_not_written_into(project: Path, tmp_path: Path, inside: str, said: str) -> None:
    (tmp_path / "outside").mkdir()
    (project / inside).parent.mkdir(exist_ok=True)
    (project / inside).symlink_to(tmp_path / "outside")

    ran = command("init", cwd=project)

    assert (ran.code, [*(tmp_path / "outside").iterdir()]) == (2, [])
    assert said in ran.last_line


def test_what_cannot_be_written_is_named(project: Path) -> None:
    (project / ".github").mkdir()
    (project / ".github" / "workflows").write_text("a file")
    in_the_way = command("init", cwd=project)
    (project / "fastapi-audit.toml").unlink(missing_ok=True)
    (project / "fastapi-audit.toml").mkdir()
    a_folder = command("init", cwd=project)

    assert (in_the_way.code, a_folder.code) == (2, 2)
    assert "cannot be written: " in in_the_way.last_line
    assert a_folder.last_line.endswith("fastapi-audit.toml: cannot be written: File exists")


def test_a_folder_whose_name_cannot_be_printed_is_refused(project: Path) -> None:
    service = written(project / "a\nb", {"main.py": APPLICATION})

    ran = command("init", cwd=service)

    assert ran.code == 2
    assert ran.last_line.endswith("its name has characters that cannot be printed; rename it")


def test_a_project_on_gitlab_gets_no_workflow_of_github(project: Path) -> None:
    written(project, {".gitlab-ci.yml": "test:\n  script: [make]\n"})

    ran = command("init", cwd=project)

    assert not (project / ".github").exists()
    assert "templates/fastapi-audit.yml" in ran.out


def test_a_service_in_a_folder_is_named_where_the_repository_begins(project: Path) -> None:
    service = written(project / "our services" / "shop's", {"main.py": APPLICATION})

    command("init", cwd=service)

    (hook,) = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert hook["entry"].endswith("""concise 'our services/shop'"'"'s'""")
    assert """-- 'our services/shop'"'"'s' ||""" in (project / WORKFLOW).read_text()
    assert (service / "fastapi-audit.toml").is_file()


def test_the_workflow_is_valid_and_zizmor_has_nothing_to_say(project: Path) -> None:
    command("init", cwd=project)
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]

    checked = ran(*checker, WORKFLOW, cwd=project)
    judged = ran(program("zizmor"), "--offline", "--persona", "auditor", WORKFLOW, cwd=project)

    assert checked.returncode == 0, checked.stdout
    assert judged.returncode == 0, judged.stdout
    assert "No findings to report" in judged.stdout


def test_the_hook_is_valid_and_the_same_as_that_of_the_repository(project: Path) -> None:
    command("init", cwd=project)
    (ours,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    (hook,) = yaml.safe_load((project / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]

    for name, package in (("pre-commit", "pre_commit"), ("prek", "prek")):
        checked = ran(program(name, package), "validate-config", ".pre-commit-config.yaml", cwd=project)
        assert checked.returncode == 0, checked.stdout
    same = ("id", "entry", "language", "files", "pass_filenames", "require_serial")
    assert {key: hook[key] for key in same} == {key: ours[key] for key in same}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_hook_runs_from_the_wheel(project: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    built = ran(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels, cwd=ROOT)
    assert built.returncode == 0, built.stdout
    command("init", cwd=project)
    (project / "fastapi-audit.toml").write_text('fail-on = "low"\n')
    ran("git", "add", "--all", cwd=project)
    own = {"PRE_COMMIT_HOME": str(tmp_path / "home"), "PIP_FIND_LINKS": str(wheels)}

    run = ran(
        program("pre-commit", "pre_commit"),
        "run",
        "--all-files",
        cwd=project,
        env={**os.environ, **own, "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )

    assert run.returncode == 1, run.stdout
    assert re.search(r"^main\.py:\d+:\d+: ", run.stdout, re.MULTILINE)
