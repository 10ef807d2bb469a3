"""Which versions the project uses."""

from pathlib import Path

from fastapi_audit.evidence import Gathering, gather


def test_a_version_is_inside_a_range_or_not_or_unknown(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("bcrypt==5.0.0\npasslib\n", encoding="utf-8")
    project = gather(Gathering(root=tmp_path, use_cache=False))

    assert project.uses("bcrypt>=5") is True
    assert project.uses("bcrypt<5") is False
    assert project.uses("passlib>=1") is None
