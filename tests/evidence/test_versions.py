"""Which versions the project uses."""

from pathlib import Path

import pytest

from fastapi_audit.evidence import Gathering, gather
from fastapi_audit.evidence.deployment.ranges import admits_only


def test_a_version_is_inside_a_range_or_not_or_unknown(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("bcrypt==5.0.0\npasslib\n", encoding="utf-8")
    project = gather(Gathering(root=tmp_path, use_cache=False))

    assert project.uses("bcrypt>=5") is True
    assert project.uses("bcrypt<5") is False
    assert project.uses("passlib>=1") is None


@pytest.mark.parametrize(
    ("asked", "wanted", "known"),
    [
        (">=2.11", ">=2", True),
        (">=2.11,<3", ">=2", True),
        ("~=1.10.26", ">=2", False),
        ("==1.10.*", ">=2", False),
        ("<2", ">=2", False),
        ("<=2", ">=2", None),
        (">=1.10", ">=2", None),
        (">=1.10,!=2.0", ">=2", None),
        ("<0.137,>=0.129", ">=0.137", False),
        (">2", ">=2", True),
        ("", ">=2", None),
        ("^2.0", ">=2", None),
    ],
)
def test_a_range_lies_inside_another_or_outside_or_neither(asked: str, wanted: str, known: bool | None) -> None:  # noqa: FBT001  a table
    assert admits_only([asked], wanted) is known


def test_several_ranges_have_to_agree() -> None:
    assert admits_only([">=2.11", ">=2.12"], ">=2") is True
    assert admits_only([">=2.11", "<2"], ">=2") is None
    assert admits_only([], ">=2") is None


def test_a_range_decides_where_no_version_is_pinned(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("pydantic~=1.10\n", encoding="utf-8")

    assert gather(Gathering(root=tmp_path, use_cache=False)).uses("pydantic>=2") is False
