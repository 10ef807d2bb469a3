"""What the command says to wrong flags and wrong targets: one clear line on stderr, nothing on stdout, code 2."""

from pathlib import Path

import pytest

from command import Ran, command, written


def refused(ran: Ran) -> str:
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1, ran.err
    assert ran.err.startswith("error: ")
    return ran.err.removeprefix("error: ").rstrip("\n")


def test_the_version_is_printed(tmp_path: Path) -> None:
    ran = command("--version", cwd=tmp_path)

    assert (ran.code, ran.out, ran.err) == (0, "fastapi-audit 0.1.0\n", "")


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    assert refused(command("scan", "nowhere", cwd=tmp_path)) == "no such path: nowhere"


def test_a_symlink_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    assert refused(command("scan", "loop", cwd=tmp_path)).startswith("loop: cannot be read: ")


def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o000)

    assert refused(command("scan", "locked", cwd=tmp_path)) == "locked: cannot be read: Permission denied"


def test_an_unknown_rule(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": ""})

    assert refused(command("scan", "--select", "websocket", cwd=tmp_path)) == (
        "no rule or item named `websocket`; did you mean `websockets`?"
    )
    assert refused(command("scan", "--ignore", "99", cwd=tmp_path)) == (
        "no rule or item named `99`; `fastapi-audit rules` lists them"
    )


def test_an_unknown_rule_in_the_config_names_the_rule(tmp_path: Path) -> None:
    written(tmp_path, {"fastapi-audit.toml": 'ignore = ["websocket"]'})

    assert "did you mean `websockets`?" in refused(command("scan", cwd=tmp_path))


def test_broken_toml(tmp_path: Path) -> None:
    written(tmp_path, {"pyproject.toml": "[tool.fastapi-audit]\nselect = [\n\n= 1"})

    message = refused(command("scan", cwd=tmp_path))

    assert message == f"{tmp_path}/pyproject.toml:4: broken TOML: Invalid value"


def test_a_broken_config_is_not_read_when_isolated(tmp_path: Path) -> None:
    written(tmp_path, {"pyproject.toml": "= 1"})

    assert refused(command("scan", "--isolated", cwd=tmp_path)).startswith("no FastAPI application found under .;")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output-format", "jsn"], "no output format named `jsn`; did you mean `json`? known: "),
        (["--report", "json"], "--report takes FORMAT=PATH, such as sarif=audit.sarif, not `json`"),
        (["--report", "xml=a.xml"], "no output format named `xml`; known: "),
        (["--fail-under", "101"], "--fail-under takes a score from 0 to 100, not 101"),
        (["--isolated", "--config", "x.toml"], "--isolated and --config contradict each other; drop one"),
        (["--config", "x.toml"], "x.toml: cannot be read: No such file or directory"),
        (["--statistics", "--output-format", "json"], "--statistics is a table for people; drop it or "),
    ],
)
def test_flags_that_cannot_be(tmp_path: Path, arguments: list[str], message: str) -> None:
    assert refused(command("scan", *arguments, cwd=tmp_path)).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["probe", "--engine", "ab"], "--engine: built-in or locust, not 'ab'"),
        (["probe", "--locust-workers", "2"], "--locust-workers is for --engine locust"),
        (["probe", "--locust-listen", ":5557"], "--locust-listen is for --engine locust"),
        (["report", "--fail-under", "-1"], "--fail-under takes a score from 0 to 100, not -1"),
    ],
)
def test_flags_of_other_commands_that_cannot_be(tmp_path: Path, arguments: list[str], message: str) -> None:
    assert refused(command(*arguments, "http://127.0.0.1:1", cwd=tmp_path)).startswith(message)


def test_a_severity_that_is_none(tmp_path: Path) -> None:
    ran = command("scan", "--fail-on", "bad", cwd=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert "'bad' is not one of 'critical', 'high', 'medium', 'low'" in ran.err


def test_an_unknown_rule_to_explain(tmp_path: Path) -> None:
    assert refused(command("explain", "no-such-rule-at-all", cwd=tmp_path)).startswith("no rule named ")


def test_the_current_folder_cannot_stand_in_for_a_module(tmp_path: Path) -> None:
    written(tmp_path, {"typer.py": "raise SystemExit(99)", "tomllib.py": "raise SystemExit(99)"})

    assert command("--version", cwd=tmp_path).code == 0
    assert command("--version", cwd=tmp_path, env={"PYTHONSAFEPATH": "1"}).code == 0
