"""A fix is applied whole or not at all, keeps what it does not speak of, and comes to rest."""

import resource
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fastapi_audit.fixing import ROUNDS, Change, Repair, Scanned, preview, settle
from fastapi_audit.model import Edit, Finding, Fix, Location, Status, Suppression


def finding(*edits: Edit, safe: bool = True, rule: str = "a-rule") -> Finding:
    return Finding("wrong", Location(edits[0].path, 1), fix=Fix("repair it", edits, safe), rule=rule)


def replaced(text: str, old: str, new: str, path: str = "main.py") -> Edit:
    return Edit(path, text.index(old), old, new)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes | str, path: str = "main.py") -> Path:
        place = tmp_path / path
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    return write


def fix_once(root: Path, *findings: Finding, unsafe: bool = False) -> Repair:
    """Scans that find these first and nothing afterwards."""
    scans = iter([findings])
    return settle(root, lambda: Scanned(next(scans, ()), lambda _: None), unsafe=unsafe)


def every(word: str, better: str, root: Path) -> Callable[[], Scanned]:
    """A scan that finds every occurrence of a word."""

    def scan() -> Scanned:
        text = (root / "main.py").read_bytes().decode()
        starts = [i for i in range(len(text)) if text.startswith(word, i)]
        return Scanned([finding(Edit("main.py", i, word, better)) for i in starts], lambda _: text)

    return scan


def test_all_fixes_of_a_round_are_applied(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write("bad = 1\nbad = bad\n")

    repair = settle(tmp_path, every("bad", "better", tmp_path))

    assert place.read_text() == "better = 1\nbetter = better\n"
    assert len(repair.applied) == 3
    assert repair.settled
    assert not repair.refused


def test_of_two_overlapping_fixes_the_first_wins_and_the_other_waits_a_round(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    text = "print(print(1))\n"
    place = write(text)
    scans = iter(
        [
            [finding(replaced(text, text.strip(), "log(print(1))")), finding(Edit("main.py", 6, "print", "log"))],
            [finding(Edit("main.py", 4, "print", "log"))],
        ]
    )

    repair = settle(tmp_path, lambda: Scanned(next(scans, []), lambda _: None))

    assert place.read_text() == "log(log(1))\n"
    assert len(repair.applied) == 2


def test_two_insertions_at_one_place_take_two_rounds(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write("x = 1\n")
    one, other = finding(Edit("main.py", 0, "", "import a\n")), finding(Edit("main.py", 0, "", "import b\n"))

    repair = fix_once(tmp_path, one, other)

    assert repair.applied == (one,)
    assert place.read_text() == "import a\nx = 1\n"


def test_a_fix_of_several_files_is_applied_whole_or_not_at_all(tmp_path: Path, write: Callable[..., Path]) -> None:
    main, other = write("x = 1\n"), write("y = 1\n", "other.py")

    repair = fix_once(tmp_path, finding(Edit("main.py", 0, "x", "z"), Edit("other.py", 0, "gone", "z")))

    assert (main.read_text(), other.read_text()) == ("x = 1\n", "y = 1\n")
    assert repair.refused == ("main.py:1:1 a-rule: not fixed: other.py changed since it was scanned: scan again",)
    assert not repair.applied


def test_a_file_that_changed_since_the_scan_is_left_alone_even_where_only_text_is_inserted(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    place = write("somebody_was_here = 1\n")
    insertion = finding(Edit("main.py", 0, "", "import a\n"))

    repair = settle(tmp_path, lambda: Scanned([insertion], lambda _: "x = 1\n"))

    assert place.read_text() == "somebody_was_here = 1\n"
    assert "main.py changed since it was scanned" in repair.refused[0]
    assert repair.settled


def test_a_fix_that_breaks_the_file_is_refused_and_the_others_are_applied(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    text = "x = (1)\ny = 2\n"
    place = write(text)
    breaking, sound = finding(replaced(text, ")", "")), finding(replaced(text, "2", "3"))

    refused = preview(tmp_path, Scanned([breaking, sound], lambda _: text)).refused
    repair = fix_once(tmp_path, breaking, sound)

    assert place.read_text() == "x = (1)\ny = 3\n"
    assert repair.applied == (sound,)
    assert refused == ("main.py:1:1 a-rule: not fixed: main.py would no longer be valid Python",)


def test_two_fixes_that_only_together_break_the_file_are_not_both_applied(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    text = "if x:\n    a\n    b\n"
    place = write(text)
    one, other = finding(replaced(text, "    a\n", "")), finding(replaced(text, "    b\n", ""))

    repair = fix_once(tmp_path, one, other)

    assert repair.applied == (one,)
    assert place.read_text() == "if x:\n    b\n"


def test_a_file_that_cannot_be_parsed_beforehand_is_left_alone(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write("x = (\n")

    repair = fix_once(tmp_path, finding(Edit("main.py", 0, "x", "y")))

    assert place.read_text() == "x = (\n"
    assert "main.py cannot be parsed by this Python" in repair.refused[0]


def test_a_deployment_file_is_not_parsed(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write("FROM python:latest\n", "Dockerfile")

    fix_once(tmp_path, finding(Edit("Dockerfile", 12, "latest", "3.13")))

    assert place.read_text() == "FROM python:3.13\n"


def test_an_unsafe_fix_is_applied_only_when_asked_for(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write("x = 1\n")
    risky = finding(Edit("main.py", 0, "x", "y"), safe=False)

    assert not fix_once(tmp_path, risky).applied
    assert place.read_text() == "x = 1\n"
    assert fix_once(tmp_path, risky, unsafe=True).applied == (risky,)
    assert place.read_text() == "y = 1\n"


@pytest.mark.parametrize("closed", [{"suppressed": Suppression("comment")}, {"status": Status.REFUTED}], ids=str)
def test_what_is_suppressed_or_refuted_is_not_fixed(
    tmp_path: Path, write: Callable[..., Path], closed: dict[str, object]
) -> None:
    place = write("x = 1\n")
    edit = Edit("main.py", 0, "x", "y")
    closed_finding = Finding("wrong", fix=Fix("repair it", (edit,), safe=True), **closed)  # type: ignore[arg-type]  # the parameters above

    assert not fix_once(tmp_path, closed_finding).applied
    assert place.read_text() == "x = 1\n"


def test_line_ends_byte_order_mark_and_mode_are_kept(tmp_path: Path, write: Callable[..., Path]) -> None:
    text = "x = 'é'\r\ny = 2\r\n"
    place = write(b"\xef\xbb\xbf" + text.encode())
    place.chmod(0o640)
    after_first_line = Edit("main.py", text.index("\n"), "", "\nimport a")

    fix_once(tmp_path, finding(replaced(text, "2", "(\n  3)")), finding(after_first_line))

    assert place.read_bytes().decode() == "\ufeffx = 'é'\r\nimport a\r\ny = (\r\n  3)\r\n"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["main.py"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "main.py is not UTF-8"),
        (b"# -*- coding: latin-1 -*-\nx = 1\n", "main.py declares another encoding than UTF-8"),
    ],
    ids=["bytes", "declared"],
)
def test_another_encoding_is_refused(tmp_path: Path, write: Callable[..., Path], content: bytes, reason: str) -> None:
    place = write(content)

    repair = fix_once(tmp_path, finding(Edit("main.py", 26, "x", "y")))

    assert place.read_bytes() == content
    assert reason in repair.refused[0]


def test_a_link_is_followed_inside_the_tree_and_refused_outside(tmp_path: Path, write: Callable[..., Path]) -> None:
    root = tmp_path / "project"
    root.mkdir()
    outside, inside = write("x = 1\n", "outside.py"), write("x = 1\n", "project/inside.py")
    (root / "in.py").symlink_to(inside)
    (root / "out.py").symlink_to(outside)

    into, out_of = finding(Edit("in.py", 0, "x", "y")), finding(Edit("out.py", 0, "x", "y"))
    refused = preview(root, Scanned([into, out_of], lambda _: None)).refused
    fix_once(root, into, out_of)

    assert inside.read_text() == "y = 1\n"
    assert (root / "in.py").is_symlink()
    assert outside.read_text() == "x = 1\n"
    assert "out.py lies outside of project" in refused[0]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    repair = fix_once(tmp_path, finding(Edit("main.py", 0, "x", "y")))

    assert "main.py cannot be read: No such file or directory" in repair.refused[0]


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_when_one_file_cannot_be_written_all_stay_as_they_were(tmp_path: Path, write: Callable[..., Path]) -> None:
    small, large = write("x = 1\n"), write("y = 1\n", "other.py")
    both = finding(Edit("main.py", 0, "x", "z"), Edit("other.py", 0, "y", "z" * 50))

    with full_disk(20):
        repair = fix_once(tmp_path, both)

    assert (small.read_text(), large.read_text()) == ("x = 1\n", "y = 1\n")
    assert not repair.applied
    assert repair.refused == (
        "main.py, other.py: not fixed: File too large: make room or make them writable and run again",
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["main.py", "other.py"]


def test_a_rule_that_never_comes_to_rest_is_stopped_and_named(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write("x = 1\n")

    repair = settle(tmp_path, every("x", "xx", tmp_path))

    assert not repair.settled
    assert f"did not settle within {ROUNDS} rounds" in repair.refused[0]
    assert "a-rule" in repair.refused[0]
    assert len(place.read_text()) > ROUNDS


def test_edits_of_one_fix_that_contradict_each_other_are_refused(tmp_path: Path, write: Callable[..., Path]) -> None:
    place = write("x = 1\n")

    repair = fix_once(tmp_path, finding(Edit("main.py", 0, "x =", "y ="), Edit("main.py", 2, "= 1", "= 2")))

    assert place.read_text() == "x = 1\n"
    assert "contradict each other" in repair.refused[0]


def test_a_preview_writes_nothing_and_git_can_apply_its_diff(tmp_path: Path, write: Callable[..., Path]) -> None:
    text = "import os\n\x0c\nx = 1"
    place = write(text)

    repair = preview(tmp_path, Scanned([finding(replaced(text, "1", "2"))], lambda _: text))

    assert place.read_text() == text
    [change] = repair.changes
    assert change.diff.splitlines()[:2] == ["--- a/main.py", "+++ b/main.py"]
    subprocess.run(["git", "apply"], cwd=tmp_path, input=change.diff.encode(), check=True)  # noqa: S607  git of the machine
    assert place.read_text() == "import os\n\x0c\nx = 2"


def test_the_changes_of_all_rounds_are_one_change_for_each_file(tmp_path: Path, write: Callable[..., Path]) -> None:
    write("a = 1\n")
    words = iter(["a", "b", "c"])

    def scan() -> Scanned:
        old = next(words)
        return Scanned([] if old == "c" else [finding(Edit("main.py", 0, old, chr(ord(old) + 1)))], lambda _: None)

    assert settle(tmp_path, scan).changes == (Change("main.py", "a = 1\n", "c = 1\n"),)
