"""The whole result of a scan, kept between runs: never a stale one, never in the way."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fastapi_audit import results
from fastapi_audit.audit import Audit, run
from fastapi_audit.checks import load
from fastapi_audit.config import Settings
from fastapi_audit.evidence import Gathering, stamps
from fastapi_audit.model import Outcome, Scorecard
from fastapi_audit.reusing import Earlier

APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"
COMPOSE = "services:\n  api:\n    build: .\n"


@pytest.fixture
def gathering(tmp_path: Path) -> Gathering:
    root = tmp_path / "project"
    root.mkdir()
    (root / "main.py").write_text(APP)
    (root / ".gitignore").write_text("local/\n")
    (root / "local").mkdir()
    (root / "local" / "ignored.txt").write_text("before")
    (root / "compose.yaml").write_text(COMPOSE)
    return Gathering(root, cache=tmp_path / "cache")


@pytest.fixture(autouse=True)
def files_count_as_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "FRESH", 0)


def audited(gathering: Gathering) -> Audit:
    return run(gathering, load()[:5], Settings())


def kept(gathering: Gathering, *asked: object) -> Scorecard:
    earlier = Earlier(gathering, *asked)
    audit = audited(gathering)
    audit.project.text("local/ignored.txt")  # as a rule may
    earlier.keep(audit.scorecard, audit.project.looked_at)
    return audit.scorecard


def result_files(gathering: Gathering) -> list[Path]:
    assert gathering.cache is not None
    return sorted((gathering.cache / "results").iterdir())


def test_an_unchanged_project_gives_the_same_scorecard_again(gathering: Gathering) -> None:
    assert Earlier(gathering).scorecard() is None
    card = kept(gathering)
    assert Earlier(gathering).scorecard() == card


def rewritten_with_the_old_time(root: Path) -> None:
    before = (root / "main.py").stat()
    (root / "main.py").write_text(APP.replace("app = ", "api = "))
    os.utime(root / "main.py", ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file has other bytes": lambda root: (root / "main.py").write_text(APP + "\n"),
    "a file has other bytes, as many, and the old time": rewritten_with_the_old_time,
    "a file is new": lambda root: (root / "new.py").write_text(""),
    "a file is gone": lambda root: (root / "compose.yaml").unlink(),
    "a file has another name": lambda root: (root / "main.py").rename(root / "other.py"),
    "another file stands in its place": lambda root: (root / "compose.yaml").replace(root / "main.py"),
    "an ignored file that was looked at is different": lambda root: (root / "local" / "ignored.txt").write_text(
        "after"
    ),
    "an ignored file that was looked at is gone": lambda root: (root / "local" / "ignored.txt").unlink(),
    "what is ignored is different": lambda root: (root / ".gitignore").write_text("main.py\nlocal/\n"),
    "git knows it now": lambda root: (root / ".git").mkdir(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_any_change_of_the_project_makes_it_stale(gathering: Gathering, change: Callable[[Path], object]) -> None:
    kept(gathering)
    change(gathering.root)
    assert Earlier(gathering).scorecard() is None


def test_it_belongs_to_what_was_asked(gathering: Gathering) -> None:
    card = kept(gathering, Settings())
    assert Earlier(gathering, Settings()).scorecard() == card
    assert Earlier(gathering, Settings(ignore=("blocking-call",))).scorecard() is None


def test_it_belongs_to_this_very_program(gathering: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(gathering)
    monkeypatch.setattr(results, "_program", lambda: "another")
    assert Earlier(gathering).scorecard() is None


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: content[:0],
    "cut off": lambda content: content[: len(content) // 2],
    "one word changed": lambda content: content.replace(b"project", b"another", 1),
    "longer": lambda content: content + b" ",
    "without its checksum": lambda content: content.partition(b"\n")[2],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_result_is_none_and_is_kept_anew(gathering: Gathering, damage: Callable[[bytes], bytes]) -> None:
    card = kept(gathering)
    (result,) = result_files(gathering)
    result.write_bytes(damage(result.read_bytes()))
    assert Earlier(gathering).scorecard() is None
    kept(gathering)
    assert Earlier(gathering).scorecard() == card


def test_a_scorecard_that_is_not_whole_is_not_kept(gathering: Gathering) -> None:
    audit = audited(gathering)
    crashed = replace(audit.scorecard.results[0], outcome=Outcome.ERROR)
    Earlier(gathering).keep(replace(audit.scorecard, results=(crashed,)), ())
    assert Earlier(gathering).scorecard() is None


def test_a_file_that_changes_during_the_audit_keeps_it_from_being_kept(gathering: Gathering) -> None:
    earlier, audit = Earlier(gathering), audited(gathering)
    (gathering.root / "main.py").write_text(APP + "\n")
    earlier.keep(audit.scorecard, audit.project.looked_at)
    (gathering.root / "main.py").write_text(APP)
    assert Earlier(gathering).scorecard() is None


def test_a_file_that_has_only_just_changed_keeps_it_from_being_kept(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "FRESH", 60_000_000_000)
    kept(gathering)
    assert Earlier(gathering).scorecard() is None


def test_only_its_owner_can_read_it(gathering: Gathering) -> None:
    kept(gathering)
    (result,) = result_files(gathering)
    assert result.stat().st_mode & 0o777 == 0o600
    assert result.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_write_is_not_trusted(gathering: Gathering) -> None:
    kept(gathering)
    result_files(gathering)[0].parent.chmod(0o777)
    assert Earlier(gathering).scorecard() is None


def test_only_the_newest_results_stay(gathering: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_RESULTS", 3)
    audit = audited(gathering)
    for number in range(5):
        Earlier(gathering, number).keep(audit.scorecard, ())
    assert len(result_files(gathering)) == 3
    assert [Earlier(gathering, n).scorecard() is None for n in range(5)] == [True, True, False, False, False]


def test_results_that_are_too_large_together_go_and_the_new_one_stays(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = audited(gathering)
    Earlier(gathering, 0).keep(audit.scorecard, ())
    monkeypatch.setattr(results, "LARGEST", result_files(gathering)[0].stat().st_size)
    Earlier(gathering, 1).keep(audit.scorecard, ())
    assert [Earlier(gathering, n).scorecard() is None for n in range(2)] == [True, False]


def test_a_folder_that_cannot_be_written_costs_nothing(gathering: Gathering) -> None:
    assert gathering.cache is not None
    gathering.cache.write_text("in the way")
    audit = audited(replace(gathering, use_cache=False))
    Earlier(gathering).keep(audit.scorecard, ())
    assert Earlier(gathering).scorecard() is None


def scanned(root: Path, cache: Path, *flags: str) -> tuple[str, float]:
    command = [sys.executable, "-m", "fastapi_audit", "scan", str(root), "--output-format", "json", "--exit-zero"]
    start = time.perf_counter()
    environment = os.environ | {"FASTAPI_AUDIT_CACHE_DIR": str(cache)}
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=True, env=environment)
    return done.stdout, time.perf_counter() - start


def test_the_command_prints_the_same_bytes_whether_new_or_again(tmp_path: Path, gathering: Gathering) -> None:
    time.sleep(2.2)  # the real limit holds in another process
    cache = tmp_path / "of-the-command"
    first, _ = scanned(gathering.root, cache)
    assert len(list((cache / "results").iterdir())) == 2  # the scorecard, and what was printed
    again, _ = scanned(gathering.root, cache)
    anew, _ = scanned(gathering.root, cache, "--no-cache")
    assert first == again == anew
    (gathering.root / "main.py").write_text(APP + "\n@app.get('/')\ndef index() -> str:\n    return ''\n")
    changed, _ = scanned(gathering.root, cache)
    assert "main.index" in changed
    assert "main.index" not in first


def test_without_a_cache_nothing_is_kept(tmp_path: Path, gathering: Gathering) -> None:
    time.sleep(2.2)  # else it would not be kept in any case
    scanned(gathering.root, tmp_path / "none", "--no-cache")
    assert not (tmp_path / "none").exists()


def test_a_result_is_kept_for_its_owner_and_never_a_large_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "results"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    kept = results.Result(tmp_path, "asked")
    kept.write([1])
    assert (list(folder.iterdir()), kept.read()) == ([], None)

    folder.chmod(0o700)
    kept.write([1])
    assert kept.read() == [1]

    monkeypatch.setattr(results, "LARGEST", 500)
    kept.write(["x" * 501])
    assert kept.read() == [1]


def test_without_a_folder_of_ones_own_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "nowhere")
    kept = results.Result(None, "asked")
    kept.write([1])
    assert kept.read() is None
