"""Line hashes against the values that codeql-action publishes for its own."""

import pytest

from fastapi_audit.reports.line_hashes import LineHashes


def line_hashes(text: str) -> tuple[str | None, ...]:
    hashes = LineHashes(text)
    return tuple(hashes.of(line) for line in range(1, len(hashes.windows) + 1))


@pytest.mark.parametrize(
    ("text", "hashes"),
    [
        ("", ("c129715d7a2bc9a3:1",)),
        (" a\nb\n  \tc\n d", ("271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1")),
    ],
)
def test_the_hashes_are_the_published_ones(text: str, hashes: tuple[str, ...]) -> None:
    assert line_hashes(text) == hashes


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_line_ends_do_not_matter(end: str) -> None:
    assert line_hashes(f" a{end}b{end}  \tc{end} d") == line_hashes(" a\nb\n  \tc\n d")


def test_lines_with_the_same_hash_are_counted() -> None:
    same = "x = 1\n" * 150

    assert [(name or "").rpartition(":")[2] for name in line_hashes(same)[:3]] == ["1", "2", "3"]


@pytest.mark.parametrize("line", [-1, 0, 3])
def test_a_line_that_is_not_there_has_no_hash(line: int) -> None:
    assert LineHashes("a\nb").of(line) is None
