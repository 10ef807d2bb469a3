"""Alembic revisions: the newest of each line, and what their operations are about."""

from pathlib import Path

from fastapi_audit.evidence import Gathering, Revision, gather

FIRST = """
from alembic import op

revision = "a1"
down_revision = None


def upgrade():
    op.drop_table("old")
"""

SECOND = """
import sqlalchemy as sa
from alembic import op

revision: str = "b2"
down_revision: str | None = "a1"


def upgrade() -> None:
    op.add_column("leads", sa.Column("city", sa.Text()))
    with op.batch_alter_table("people") as batch:
        batch.add_column(sa.Column("city", sa.Text()))


def downgrade() -> None:
    op.drop_column("leads", "city")
"""

MERGE = """
revision = "c3"
down_revision = (
    "b2",
    "other",
)


def upgrade():
    pass
"""


def newest(folder: Path, **files: str) -> list[Revision]:
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "main.py").write_text("from fastapi import FastAPI\n\napp = FastAPI()\n", encoding="utf-8")
    for name, text in files.items():
        (versions / f"{name}.py").write_text(text, encoding="utf-8")
    project = gather(Gathering(root=folder, use_cache=False))
    return [found for found in project.subjects(Revision) if isinstance(found, Revision)]


def test_only_a_revision_that_none_follows_is_listed(tmp_path: Path) -> None:
    assert [r.name for r in newest(tmp_path, first=FIRST, second=SECOND)] == ["b2"]


def test_a_file_that_only_speaks_of_revisions_is_none(tmp_path: Path) -> None:
    assert [r.name for r in newest(tmp_path, first=FIRST, env="# reads down_revision\n")] == ["a1"]


def test_a_merge_follows_all_that_it_names(tmp_path: Path) -> None:
    assert [r.name for r in newest(tmp_path, first=FIRST, second=SECOND, merge=MERGE)] == ["c3"]


def test_operations_of_the_upgrade_and_their_tables(tmp_path: Path) -> None:
    (revision,) = newest(tmp_path, first=FIRST, second=SECOND)

    added = revision.operations("add_column")

    assert [revision.table_of(call) for call in added] == ["leads", "people"]
    assert revision.operations("drop_column") == []
