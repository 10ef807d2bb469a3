"""Files are put in their places whole, all or none, and no draft is left behind."""

import os
import stat
from pathlib import Path

import pytest

from fastapi_audit.replacing import replace_files


def test_a_file_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o604)
    replace_files({tmp_path / "a": b"new"}, mode=0o600)

    assert (tmp_path / "a").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o604


@pytest.mark.parametrize(("mode", "expected"), [(0o666, 0o640), (0o600, 0o600)])
def test_a_new_file_gets_what_the_umask_leaves(tmp_path: Path, mode: int, expected: int) -> None:
    before = os.umask(0o027)
    try:
        replace_files({tmp_path / "a": b"new"}, mode=mode)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == expected


def test_when_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        replace_files({tmp_path / "a": b"new", tmp_path / "none/b": b"new"})

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_the_longest_name_that_a_file_can_have(tmp_path: Path) -> None:
    place = tmp_path / ("a" * 255)
    replace_files({place: b"new"})

    assert [path.name for path in tmp_path.iterdir()] == [place.name]


def test_what_stands_in_the_place_of_a_draft_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", bytes)
    (tmp_path / "elsewhere").write_bytes(b"old")
    (tmp_path / f".fastapi-audit-{'00' * 8}").symlink_to("elsewhere")
    with pytest.raises(FileExistsError):
        replace_files({tmp_path / "a": b"new"})

    assert (tmp_path / "elsewhere").read_bytes() == b"old"
