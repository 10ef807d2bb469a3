"""What people and agents read first: every command in it exists, every link leads somewhere, the picture is there."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from command import command
from pages import ROOT
from programs import ran

DOCUMENTS = ["README.md", "AGENTS.md", "llms.txt", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs/own-rules.md"]
GROUPS = ("baseline", "rules")

NAMED_SHELL = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
"""Typer looks up by itself which shell called it; under a test that may be none."""


@cache
def flags(*words: str) -> set[str]:
    """The long flags of a command, from its own help."""
    ran = command(*words, "--help", cwd=ROOT)
    assert ran.code == 0, f"{words}: {ran.err}"
    return set(re.findall(r"--[a-z][a-z0-9-]+", ran.out))


def calls(document: str) -> list[list[str]]:
    """Every call of the command in the document's shell blocks and code spans, as words."""
    text = (ROOT / document).read_text("utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    lines += re.findall(r"`(fastapi-audit [^`\n]+)`", text)
    told = (line.partition(" #")[0].split() for line in lines)
    return [words[1:] for words in told if words[:1] == ["fastapi-audit"]]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_flag_exists(document: str) -> None:
    for words in calls(document):
        subject = [word for word in words[:1] if not word.startswith("-")]
        if subject and subject[0] in GROUPS and len(words) > 1 and words[1].isalpha():
            subject = words[:2] if "|" not in words[1] else subject
        named = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert named <= flags(*subject), " ".join(words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file(document: str) -> None:
    place = (ROOT / document).parent
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / document).read_text("utf-8"))
    inside = [link for link in links if not link.startswith(("https:", "http:"))]

    assert [link for link in inside if not (place / link).exists()] == []


def test_the_picture_of_the_report_is_small_and_of_a_page() -> None:
    picture = (ROOT / "docs" / "report.png").read_bytes()

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(picture[16:20], "big") >= 1000, "pixels across"
    assert len(picture) < 200_000
    assert "](docs/report.png)" in (ROOT / "README.md").read_text("utf-8")


def test_the_workflow_of_the_readme_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(jobs:.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    file = tmp_path / "workflow.yml"
    file.write_text(f"on: push\npermissions: {{}}\n{block}")
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]

    checked = ran(*checker, file, cwd=ROOT)

    assert checked.returncode == 0, checked.stdout
    given = yaml.safe_load(block)["jobs"]["audit"]["steps"][-1]["with"]
    assert set(given) <= set(yaml.safe_load((ROOT / "action.yml").read_text())["inputs"])


def test_bash_completes_commands_and_flags(tmp_path: Path) -> None:
    """The script as it is printed, asked by bash itself."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "fastapi-audit"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fastapi_audit "$@"\n')
    script.chmod(0o755)
    asked = (
        'eval "$(fastapi-audit --show-completion bash)"; '
        'COMP_WORDS=(fastapi-audit sc) COMP_CWORD=1; _fastapi_audit_completion fastapi-audit; echo "${COMPREPLY[@]}"; '
        "COMP_WORDS=(fastapi-audit scan --fail-) COMP_CWORD=2; _fastapi_audit_completion fastapi-audit; "
        'echo "${COMPREPLY[@]}"'
    )

    run = subprocess.run(
        ["/usr/bin/env", "bash", "--noprofile", "--norc", "-c", asked],
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    commands, options = run.stdout.splitlines()
    assert commands.split() == ["scan", "score"]
    assert {"--fail-on", "--fail-under", "--fail-on-new"} <= set(options.split())


def test_the_completion_can_be_installed(tmp_path: Path) -> None:
    ran = command("--install-completion", "bash", cwd=tmp_path, env=NAMED_SHELL | {"HOME": str(tmp_path)})

    assert ran.code == 0, ran.err
    assert any("fastapi_audit_completion" in file.read_text() for file in tmp_path.rglob("*.sh"))
