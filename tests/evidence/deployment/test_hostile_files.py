"""Whatever stands in a repository: one line each, no crash, bounded time and memory."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from fastapi_audit.evidence import deployment
from fastapi_audit.evidence import files as evidence_files
from fastapi_audit.evidence.deployment import Deployment, files
from fastapi_audit.evidence.files import discover

pytestmark = pytest.mark.timeout(60)


def read(root: Path, path: str, content: str | bytes) -> Deployment:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return deployment.read(root)


def short(value: object) -> str:
    """Enough of a huge value to name its test."""
    text = str(value)
    return f"{len(text)} x {text[:20]!r}" if len(text) > 60 else text


LISTS = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
MERGES = "".join(f"a{n}: &a{n}\n  <<: [{','.join([f'*a{n - 1}'] * 100)}]\n" for n in range(1, 200))
ENVIRONMENTS = (
    "x: &e\n" + "  - A=b\n" * 3000 + "services:\n" + "".join(f"  s{n}: {{environment: *e}}\n" for n in range(1500))
)
KEYS = ",".join(f"k{n}: v" for n in range(1000))
BLOCKS = "".join(f"{'  ' * n}a{n}:\n" for n in range(700))
STAIRS = "".join(f"{' ' * n}- a\n" for n in range(400))
FUNCTIONS = "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; f{n + 1}; }}\n" for n in range(40))


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("Dockerfile", b"\x7fELF\0\0\xff\xfe", "is binary"),
        ("Dockerfile", "FROM caf\xe9".encode("latin-1"), "is not UTF-8"),
        ("Dockerfile", "RUN nothing\n", "it has no FROM"),
        ("Dockerfile", "FROM {{ image }}\nCMD a\n", "is a template"),
        ("Dockerfile", "FROM a\n{% if b %}\nUSER c\n{% endif %}\n", "is a template"),
        ("Dockerfile", "FROM a\n" + "ENV A=1\n" * 100_000, "or no end"),
        ("compose.yaml", b"services:\n" + b"  a: {image: x}\n" * 3_300_000, "is larger than 1 MB"),
        ("compose.yaml", "services:\n  - a\n b: c\n", "is not valid YAML"),
        ("compose.yaml", "a: &a [*a]\n", "where no such anchor is complete"),
        ("compose.yaml", f"a0: &a0 {{{KEYS}}}\n{MERGES}", "once its anchors are followed"),
        ("compose.yaml", f"a0: &a0 [x]\n{LISTS}services: {{a: {{command: *a29}}}}\n", "once its anchors are followed"),
        ("compose.yaml", ENVIRONMENTS, "once its anchors are followed"),
        ("compose.yaml", "services: " + "[" * 400_000, "is not valid YAML"),
        ("compose.yaml", "a: " + "[" * 200 + "]" * 200, "levels deep"),
        ("compose.yaml", BLOCKS, "levels deep"),
        ("compose.yaml", STAIRS, "levels deep"),
        ("compose.yaml", "- " * 900 + "a", "levels deep"),
        ("compose.yaml", "? " * 900 + "a", "levels deep"),
        ("compose.yaml", "a: b\n" * 40_000, "lines"),
        ("api.yaml", "apiVersion: v1\nkind: Pod\nspec: {{ .Values.spec }}\n", "is a template"),
        ("nginx.conf", "a b; server {\n" * 50_000, "levels"),
        ("nginx.conf", 'a "b" {;' + '"' * 900_000, "words in one directive"),
        ("nginx.conf", "server { listen 80;", "is not closed"),
        ("pyproject.toml", "a=[" + "[" * 200_000, "is not valid TOML"),
        ("Pipfile.lock", '{"default":' * 300_000, "is not valid JSON"),
        ("start.sh", "(" * 200_000, "has more than 100000 characters"),
        ("start.sh", "a b " * 20_000, "has a line of more than 20000 characters"),
        ("start.sh", "a|\n" * 20_000, "has more than 2000 pipes and redirections"),
        ("gunicorn.conf.py", "a = [" + "\\\n" * 40_000, "has more than 20000 characters"),
        ("compose.yaml", "a: {}: c}\n", "is not valid YAML or JSON near line 1"),
        ("compose.yaml", "- a\n- b: [c]\n{", "is not valid YAML or JSON near line 2"),
        ("Dockerfile", "# syntax=docker/dockerfile:1", "it has no FROM"),
        ("Dockerfile", "\\\n\n  \\", "it has no FROM"),
        ("nginx.conf", "events {} } server { listen 80; }", "at line 1 that nothing opened"),
        ("nginx.conf", 'server {\n listen "80;\n}', "near line 2"),
        ("setup.cfg", b"\xff", "is not UTF-8"),
        ("pyproject.toml", b"\xff", "is not UTF-8"),
        ("api-1.0.dist-info/METADATA", b"\xff", "is not UTF-8"),
        ("dashboard.json", '{"panels":[' * 50_000 + '"targets"', "is not valid YAML or JSON"),
    ],
    ids=short,
)
def test_what_cannot_be_read_is_named_in_one_line(tmp_path: Path, path: str, content: str | bytes, why: str) -> None:
    (note,) = read(tmp_path, path, content).unresolved
    assert note.message.startswith(path)
    assert why in note.message
    assert "\n" not in note.message
    assert note.location is not None
    assert note.location.path == path


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("compose.yaml", "services:\n  a:\n    image: " + "${A:-" * 100_000 + "\n"),
        ("compose.yaml", "services:\n  a:\n    command: " + "a " * 400_000 + "\n"),
        ("compose.yaml", "services:\n  a:\n    image: a" + " " * 900_000 + "b\n     c\n"),
        ("compose.yaml", "# fastapi-audit: ignore[" + "a," * 400_000 + "\n"),
        ("Dockerfile", "FROM a\nRUN " + "a && " * 150_000 + "b\n"),
        ("Dockerfile", "FROM a\nHEALTHCHECK " + '--a="' + '"' * 900_000 + "\n"),
        ("Dockerfile", "FROM a\nRUN " + "<<EOF " * 100_000 + "\n"),
        ("Dockerfile", "FROM a\nCMD [" + "[" * 400_000 + "\n"),
        ("start.sh", FUNCTIONS + "f0\n"),
        ("start.sh", "if a; then\n" * 9_000),
        ("start.sh", f"a=({'b ' * 9_000})\na+=(c)\n" + 'exec "${a[@]}"\n'),
        ("gunicorn.conf.py", "a = " + "1+" * 9_000 + "1\n"),
        ("gunicorn.conf.py", "a = " + "1<<b " * 3_000),
        ("compose.yaml", "services:\n  a:\n    stop_grace_period: '" + "1" * 900_000 + "'\n"),
        ("Dockerfile", "FROM a" + " " * 900_000 + "b\n"),
        ("Procfile", "web: " + "a|" * 40_000 + "\n"),
        ("postgresql.conf", "a" + " " * 900_000 + "#\n"),
        ("redis.conf", "a" + " " * 900_000 + "\n"),
        (".env", "A=b" + " " * 900_000 + "c\n"),
        ("pyproject.toml", '[tool.poetry.dependencies]\n"\\u0061" = "1"\n' + "\n" * 900_000),
        ("Pipfile.lock", json.dumps({"default": {f"\xe9{n}": {"version": "==1"} for n in range(100_000)}})),
        ("requirements.txt", "a" + " " * 900_000 + "\n"),
        (".env", "A= " + " #" * 400_000 + "\n"),
        ("api.service", "[Service]\nExecStart=a" + " \\\n" * 100_000),
    ],
    ids=short,
)
def test_what_can_be_read_takes_bounded_time(tmp_path: Path, path: str, content: str) -> None:
    assert read(tmp_path, path, content).unresolved == ()


def test_scripts_that_start_each_other_come_to_an_end(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"s{number}.sh").write_text(f"./s{number + 1}.sh\n" * 20 + "./s0.sh\n")
    found = read(tmp_path, "Dockerfile", 'FROM python:3.13\nCMD ["./s0.sh"]')
    assert (len(found.scripts), found.commands) == (20, ())


def test_includes_that_include_each_other_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    for number in range(20):
        text = "include conf.d/*.conf;\nserver { listen 80; }\n" * 20
        (tmp_path / "conf.d" / f"{number}.conf").write_text(text)
    notes = deployment.read(tmp_path).unresolved
    assert len(notes) == 20
    assert all(note.message.endswith("includes itself, so the include is not followed") for note in notes)


def test_nothing_outside_of_the_tree_is_read(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    read(outside, "Dockerfile", "FROM python:3.13")
    root.mkdir()
    (root / "Dockerfile").symlink_to(outside / "Dockerfile")
    (root / "folder").symlink_to(outside)
    (root / "compose.yaml").symlink_to("compose.yaml")
    os.mkfifo(root / "start.sh")
    found = deployment.read(root)
    assert (found.images, found.services, found.scripts) == ((), (), ())
    assert [note.message.partition(" ")[0] for note in found.unresolved] == ["Dockerfile", "compose.yaml", "start.sh"]


def test_a_broken_index_of_git_is_no_index(tmp_path: Path) -> None:
    for version in (2, 4):
        index = b"DIRC" + version.to_bytes(4, "big") + b"\xff" * 100_000
        read(tmp_path, ".git/index", index)
        (dotenv,) = read(tmp_path, ".env", "A=1").dotenvs
        assert dotenv.tracked is None


def test_a_helm_chart_is_one_note(tmp_path: Path) -> None:
    read(tmp_path, "chart/Chart.yaml", "apiVersion: v2\nname: api\n")
    template = "apiVersion: v1\nkind: Pod\nspec: {{ .Values.spec }}\n"
    read(tmp_path, "chart/templates/a.yaml", template)
    (note,) = read(tmp_path, "chart/templates/b.yaml", template).unresolved
    assert note.message == "chart is a Helm chart; its templates are left alone"


def test_a_path_of_more_folders_than_frames_or_characters_is_walked_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    for name, depth in (("a", 1_500), ("b" * 200, 30)):
        place = os.open(tmp_path, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=place)
            inner = os.open(name, os.O_RDONLY, dir_fd=place)
            os.close(place)
            place = inner
        os.close(place)
    ended = read(tmp_path, "Procfile", "web: uvicorn app:app")
    assert len(ended.commands) == 1
    tree = discover(tmp_path)
    assert tree.paths == ["Procfile"]
    (note,) = tree.left_out
    assert note.message.endswith("cannot be listed: File name too long")
    # Nothing that calls itself for each folder can remove it.
    for name in ("a", "b" * 200):
        subprocess.run(["rm", "-r", str(tmp_path / name)], check=True)  # noqa: S607  as found on the path


def test_files_that_are_gone_when_they_are_read_are_named(tmp_path: Path) -> None:
    found = deployment.read(tmp_path, ["Dockerfile", "deploy/nginx.conf"])
    assert [note.message for note in found.unresolved] == ["Dockerfile cannot be read: No such file or directory"]
    assert found.looked_at == ("Dockerfile", "deploy/nginx.conf")


def test_more_files_than_anybody_writes_are_left_out_with_a_note(tmp_path: Path) -> None:
    for number in range(3_001):
        (tmp_path / f"Procfile.{number}").write_text("web: uvicorn app:app")
    found = deployment.read(tmp_path)
    assert len(found.processes) == 3_000
    assert [note.message for note in found.unresolved] == [
        "read the first 3000 deployment files only; exclude folders that are none"
    ]


def test_a_tree_of_more_entries_than_a_project_has_is_not_walked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        (tmp_path / f"Procfile.{name}").write_text("web: uvicorn app:app")
    monkeypatch.setattr(files, "MOST_ENTRIES", 3)
    found = deployment.read(tmp_path)
    assert [process.path for process in found.processes] == ["Procfile.a", "Procfile.b", "Procfile.c"]
    assert [note.message for note in found.unresolved] == [
        "looked at the first 3 files only; exclude folders that hold none"
    ]

    monkeypatch.setattr(evidence_files, "MOST_FILES", 3)
    tree = discover(tmp_path)
    assert len(tree.paths) == 3
    assert [note.message for note in tree.left_out] == ["more than 3 files: the rest was not looked at"]


def test_an_ignore_file_that_cannot_be_read_ignores_nothing(tmp_path: Path) -> None:
    (tmp_path / "piped").mkdir()
    os.mkfifo(tmp_path / "piped" / ".gitignore")
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / ".gitignore").symlink_to("nowhere")
    for folder in ("piped", "lost", "env2"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "main.py").write_text("")
    (tmp_path / "env2" / "pyvenv.cfg").write_text("")
    assert discover(tmp_path).python == ["lost/main.py", "piped/main.py"]


def test_a_large_file_is_not_looked_into(tmp_path: Path) -> None:
    found = read(tmp_path, "data.json", '{"panels": [], "targets": []}' + " " * 1_000_000)
    assert (found.dashboards, found.unresolved, found.files) == ((), (), 0)


def test_files_that_are_too_large_together_are_named(tmp_path: Path) -> None:
    for number in range(61):
        (tmp_path / f"Procfile.{number}").write_text("#" * 999_999 + "\n")
    found = deployment.read(tmp_path)
    assert [note.message for note in found.unresolved] == [
        "Procfile.9 is not read: the deployment files before it are too large together"
    ]


def test_an_index_of_another_program_is_no_index(tmp_path: Path) -> None:
    read(tmp_path, ".git/index", b"PACK" + b"\0" * 100)
    (dotenv,) = read(tmp_path, ".env", "A=1").dotenvs
    assert dotenv.tracked is None
