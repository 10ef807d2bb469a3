"""A scan that was asked before is answered from what it printed, and never when anything that decides is different."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fastapi_audit import results
from fastapi_audit.cli import main
from fastapi_audit.cli.streams import look
from fastapi_audit.evidence import stamps
from fastapi_audit.repeating import Command, Said

APP = """\
import time
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def index() -> str:
    time.sleep(1)
    return ""
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stamps, "FRESH", 0)
    monkeypatch.setenv("FASTAPI_AUDIT_CACHE_DIR", str(tmp_path / "cache"))
    root = tmp_path / "above" / "project"
    (root / "local").mkdir(parents=True)
    (tmp_path / "above" / ".git").mkdir()
    (root / "main.py").write_text(APP)
    (root / "compose.yaml").write_text("services:\n  api:\n    build: .\n")
    (root / "local" / "more.yaml").write_text("services: {}\n")
    (root / ".gitignore").write_text("local/\n")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def scan(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def scanned(*flags: str) -> int:
        monkeypatch.setattr(sys, "argv", ["fastapi-audit", "scan", *flags])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    assert project.is_dir()
    return scanned


def kept(*flags: str) -> Said | None:
    return Command(["scan", *flags], look(sys.stdout)).answer()


def test_the_same_command_has_its_report_its_warnings_and_its_code_again(
    scan: Callable[..., int], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "broken.py").write_text("def (\n")
    assert kept() is None
    code = scan()
    first = capsys.readouterr()
    said = kept()
    assert said is not None
    assert (said.report, said.code) == (first.out, 1)
    assert any("broken.py" in line for line in said.warnings)
    assert (scan(), capsys.readouterr()) == (code, first)


def test_what_was_kept_is_what_is_printed(
    scan: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scan("--output-format", "json", "--exit-zero")
    first = capsys.readouterr()
    monkeypatch.setitem(sys.modules, "fastapi_audit.cli.application", None)  # it cannot be imported any more
    assert scan("--output-format", "json", "--exit-zero") == 0
    assert capsys.readouterr() == first


def rewritten_with_the_old_time(root: Path) -> None:
    before = (root / "main.py").stat()
    (root / "main.py").write_text(APP.replace("app = ", "api = "))
    os.utime(root / "main.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def copied(root: Path) -> None:
    shutil.copytree(root, root.parent / "copy")
    root.rename(root.parent / "before")
    (root.parent / "copy").rename(root)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file has other bytes, as many, and the old time": rewritten_with_the_old_time,
    "a file is new": lambda root: (root / "new.py").write_text(""),
    "a file is gone": lambda root: (root / "compose.yaml").unlink(),
    "a deployment file is different": lambda root: (root / "compose.yaml").write_text("services: {}\n"),
    "there is a config": lambda root: (root / "fastapi-audit.toml").write_text('ignore = ["blocking-call"]\n'),
    "there is a config above": lambda root: (root.parent / ".fastapi-audit.toml").write_text("fail-under = 99\n"),
    "there is a project file": lambda root: (root / "pyproject.toml").write_text("[tool.fastapi-audit]\n"),
    "there is a baseline": lambda root: (root / ".fastapi-audit-baseline.json").write_text("{}"),
    "the repository begins elsewhere": lambda root: (root / ".git").mkdir(),
    "the repository is gone": lambda root: (root.parent / ".git").rmdir(),
    "the folder is another one": copied,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_any_change_of_what_decides_is_noticed(
    scan: Callable[..., int], project: Path, change: Callable[[Path], object]
) -> None:
    scan()
    assert kept() is not None
    change(project)
    assert kept() is None


@pytest.mark.parametrize("flag", ["--config", "--baseline"])
def test_a_file_that_a_flag_names_is_looked_at(scan: Callable[..., int], tmp_path: Path, flag: str) -> None:
    file = tmp_path / "named"
    baseline = '{"schema_version": "1", "findings": []}'
    file.write_text("" if flag == "--config" else baseline)
    file = file.rename(tmp_path / ("named.toml" if flag == "--config" else "named.json"))
    if flag == "--config":
        file.write_text('[tool.fastapi-audit]\nignore = ["blocking-call"]\n')
    scan(flag, str(file))
    assert kept(flag, str(file)) is not None
    file.write_text(file.read_text() + "\n")
    assert kept(flag, str(file)) is None


def test_a_config_that_is_changed_is_noticed(scan: Callable[..., int], project: Path) -> None:
    (project / "fastapi-audit.toml").write_text('ignore = ["blocking-call"]\n')
    scan()
    assert kept() is not None
    (project / "fastapi-audit.toml").write_text('ignore = ["print-in-app-"]\n')
    assert kept() is None


def test_another_flag_another_folder_or_another_terminal_is_another_question(
    scan: Callable[..., int], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(".")
    assert kept(".") is not None
    assert kept(".", "--exit-zero") is None
    monkeypatch.setenv("COLUMNS", "117")
    assert kept(".") is None
    monkeypatch.delenv("COLUMNS")
    monkeypatch.chdir(project.parent)
    assert kept(".") is None


def test_a_link_that_leads_elsewhere_now_is_noticed(scan: Callable[..., int], project: Path) -> None:
    link = project.parent / "link"
    link.symlink_to(project)
    shutil.copytree(project, project.parent / "other")
    scan(str(link))
    assert kept(str(link)) is not None
    link.unlink()
    link.symlink_to(project.parent / "other")
    assert kept(str(link)) is None


def test_another_program_is_not_answered_by_this_one(scan: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    scan()
    monkeypatch.setattr(results, "_program", lambda: "another")
    assert kept() is None


@pytest.mark.parametrize(
    "flags",
    [
        ["--no-cache"],
        ["--output-file", "../out.txt"],
        ["--report", "json=../out.json"],
        ["--diff"],
        ["--fix"],
        ["main.py"],
    ],
    ids=" ".join,
)
def test_what_does_more_than_print_is_done_each_time(scan: Callable[..., int], flags: list[str]) -> None:
    scan(*flags)
    assert kept(*flags) is None


def test_rules_of_a_team_may_look_at_anything(scan: Callable[..., int], project: Path) -> None:
    (project / "rules").mkdir()
    (project / "fastapi-audit.toml").write_text('rules = ["rules"]\n')
    (project / "rules" / "own.yaml").write_text(
        "id: own\nlanguage: python\nmessage: No.\nseverity: warning\nrule:\n  pattern: eval($A)\n"
        "metadata:\n  item: error-handling\n"
    )
    scan()
    assert kept() is None


SAID = Said("", for_people=True, warnings=(), code=0)


def test_a_file_that_was_looked_at_though_not_listed_is_watched_too(project: Path) -> None:
    command = Command()
    command.keep(SAID, ".", stamps.Stamps.now(project), (), ["local/more.yaml"])
    assert Command().answer() == SAID
    (project / "local" / "more.yaml").write_text("")
    assert Command().answer() is None


DURING: dict[str, Callable[[Path], object]] = {
    "a listed file is different": lambda root: (root / "main.py").write_text(""),
    "a file beside is different": lambda root: (root / "local" / "more.yaml").write_text(""),
    "a file beside is gone": lambda root: (root / "local" / "more.yaml").unlink(),
    "there is a config": lambda root: (root / "fastapi-audit.toml").write_text(""),
    "the config is different": lambda root: (root / "pyproject.toml").write_text(""),
}


@pytest.mark.parametrize("change", [None, *DURING.values()], ids=["nothing", *DURING])
def test_a_change_during_the_scan_keeps_the_answer_from_being_kept(
    project: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object] | None
) -> None:
    monkeypatch.setattr(stamps, "FRESH", 200_000_000)
    (project / "pyproject.toml").write_text("[tool.fastapi-audit]\n")
    time.sleep(0.25)
    command = Command()
    command.decided_by([project / "fastapi-audit.toml", project / "pyproject.toml"])
    before = stamps.Stamps.now(project)
    if change:
        change(project)
        time.sleep(0.25)
    command.keep(SAID, ".", before, (), ["local/more.yaml"])
    assert Command().answer() == (None if change else SAID)


def test_what_has_only_just_changed_is_not_kept(scan: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "FRESH", 60_000_000_000)
    scan()
    assert kept() is None


def test_the_command_itself_answers_from_before(project: Path) -> None:
    time.sleep(2.2)  # the real limit holds in another process
    command = [sys.executable, "-X", "importtime", "-m", "fastapi_audit", "scan", "--exit-zero"]
    first, again = (subprocess.run(command, cwd=project, capture_output=True, text=True, check=True) for _ in range(2))
    assert first.stdout == again.stdout
    assert "fastapi_audit.audit" in first.stderr
    assert "typer" not in again.stderr
    assert "fastapi_audit.audit" not in again.stderr
