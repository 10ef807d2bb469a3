"""What the audited folder may hold: each gives one clear line and a documented code, and the rest is audited."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from command import APPLICATION, Ran, command, written


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return written(tmp_path / "service", {"main.py": APPLICATION})


def scan(service: Path) -> tuple[Ran, dict[str, Any]]:
    """The scan did its main job: the application that is there was found."""
    ran = command("scan", "--output-format", "json", "--exit-zero", cwd=service)
    told: dict[str, Any] = json.loads(ran.out)
    assert ran.code == 0
    assert [route["path"] for route in told["routes"]] == ["/users"]
    return ran, told


def unread(told: dict[str, Any]) -> list[str]:
    return [
        f"{entry['location']['path'] if entry['location'] else ''}: {entry['message']}"
        for entry in told["unresolved"]
        if entry["kind"] == "file"
    ]


def test_an_empty_folder(tmp_path: Path) -> None:
    ran = command("scan", cwd=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: no FastAPI application found under .; looked at 0 Python files\n"


def test_a_folder_without_fastapi(tmp_path: Path) -> None:
    written(tmp_path / "site", {"a.py": "import flask\n", "b.py": "app = flask.Flask(__name__)\n"})
    ran = command("scan", "site", cwd=tmp_path)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: no FastAPI application found under site; looked at 2 Python files\n"


def test_a_folder_of_broken_files_says_that_they_were_not_read(tmp_path: Path) -> None:
    written(tmp_path, {"a.py": "def (:\n"})
    ran = command("scan", cwd=tmp_path)

    assert ran.code == 2
    assert ran.err.startswith(
        "error: no FastAPI application found under .; looked at 1 Python file, 1 of which could not"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"def broken(:\n    pass\n", "syntax"),
        (b"name = '\xff\xfe'\n", "UTF-8"),
        (b"x = 1\x00\n", "null"),
        (b"# coding: no-such-codec\n", "codec"),
        (b"x = " + b"(" * 20_000 + b"\n", ""),
        (b"-" * 200_000 + b"1\n", ""),
        (b"x" + b".a" * 100_000 + b"\n", ""),
    ],
    ids=["syntax error", "not UTF-8", "NUL bytes", "unknown codec", "brackets", "minus signs", "attributes"],
)
def test_a_file_that_cannot_be_parsed_is_named_and_the_rest_is_audited(
    service: Path, content: bytes, words: str
) -> None:
    written(service, {"broken.py": content})
    ran, told = scan(service)

    (named,) = unread(told)
    assert named.startswith("broken.py: ")
    assert words.lower() in named.lower()
    assert ran.err.startswith("warning: broken.py:")
    assert ran.err.count("\n") == 1


def test_a_file_that_may_not_be_read_is_named(service: Path) -> None:
    written(service, {"secret.py": "x = 1\n"})
    (service / "secret.py").chmod(0o000)
    ran, told = scan(service)

    (named,) = unread(told)
    assert named.startswith("secret.py: ")
    assert "ermission denied" in named
    assert ran.err.startswith("warning: secret.py:")


def test_symlinks_in_a_loop_or_out_of_the_project_are_not_followed(service: Path) -> None:
    written(service.parent / "elsewhere", {"other.py": APPLICATION.replace("/users", "/elsewhere")})
    (service / "loop").symlink_to(".")
    (service / "self.py").symlink_to("self.py")
    (service / "out").symlink_to("../elsewhere")
    (service / "out.py").symlink_to("../elsewhere/other.py")

    scan(service)


def test_a_named_pipe_is_not_waited_for(service: Path) -> None:
    os.mkfifo(service / "pipe.py")
    os.mkfifo(service / "Dockerfile")

    scan(service)


def test_a_generated_file_of_10_megabytes(service: Path) -> None:
    rows = "".join(f'    "key{number}": {{"value": {number}, "name": "n{number}"}},\n' for number in range(220_000))
    written(service, {"generated.py": f"DATA = {{\n{rows}}}\n"})
    assert (service / "generated.py").stat().st_size > 9_500_000

    ran, told = scan(service)

    assert all(name.startswith("generated.py: ") for name in unread(told))
    assert ran.err.count("\n") <= 1


def test_names_that_are_no_text_cost_nothing(service: Path) -> None:
    (service / os.fsdecode(b"caf\xe9.py")).write_text("x = 1\n")
    (service / "new\nline \x1b[2J.py").write_text("def broken(:\n")

    ran, _ = scan(service)

    assert "\x1b" not in ran.err
    assert ran.err.count("\n") == 1


def test_many_broken_files_do_not_drown_the_report(service: Path) -> None:
    written(service, {f"broken{number:02}.py": "def broken(:\n" for number in range(30)})
    ran, told = scan(service)

    assert len(unread(told)) == 30
    assert ran.err.count("\n") == 21
    assert ran.err.endswith("warning: 10 more; `--output-format json` lists all under `unresolved`\n")
