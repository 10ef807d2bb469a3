"""How text takes place on a terminal."""

import pytest

from fastapi_audit.reports.cells import columns, cut, padded, visible, wrapped


@pytest.mark.parametrize(("text", "expected"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("ｱ", 1), ("🚀", 2), ("", 0)])
def test_columns_are_those_of_a_terminal(text: str, expected: int) -> None:
    assert columns(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 日本", "plain é 日本"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\r\tc", "a\\nb\\r    c"),
        ("\u202eevil", "\\u202eevil"),
        ("\u200b\u2028\x85", "\\u200b\\u2028\\x85"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_what_moves_reorders_or_hides_is_written_out(text: str, expected: str) -> None:
    assert visible(text) == expected


def test_wide_text_is_cut_and_padded_by_columns() -> None:
    assert cut("日本語", 6) == "日本語"
    assert cut("日本語", 5) == "日本…"
    assert cut("日本語", 4) == "日…"
    assert padded("日本", 6) == "日本  "


def test_words_are_wrapped_by_columns_and_never_broken() -> None:
    assert list(wrapped("日本 日本 " + "x" * 12, 10, "  ")) == ["  日本", "  日本", "  " + "x" * 12]
    assert list(wrapped("a  b\n c", 80)) == ["a b c"]
