"""Migration that breaks the release that still runs

The newest revision renames or drops what the code before it uses. While a release is rolled out, blue-green or one
replica after the other, old processes serve on with the new schema: each of their statements that names the old column
or table fails, and a roll-back of the code does not bring it back.

## Use instead
Two releases: the first adds the new name and writes both, the second drops the old one when no process reads it.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, Revision
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    references=["https://alembic.sqlalchemy.org/en/latest/ops.html#alembic.operations.Operations.alter_column"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "migrations/versions/0002_names.py": """
                from alembic import op

                revision = "0002"
                down_revision = "0001"


                def upgrade() -> None:
                    op.alter_column("leads", "name", new_column_name="full_name")  # finding
                    op.rename_table("people", "persons")  # finding
                    op.drop_column("leads", "city")  # finding
                    op.drop_table("streets")  # finding
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "migrations/versions/0001_rename.py": """
                from alembic import op

                revision = "0001"
                down_revision = None


                def upgrade() -> None:
                    op.rename_table("people", "persons")
                """,
                "migrations/versions/0002_names.py": """
                import sqlalchemy as sa
                from alembic import op

                revision = "0002"
                down_revision = "0001"


                def upgrade() -> None:
                    op.add_column("leads", sa.Column("full_name", sa.Text()))
                    op.alter_column("leads", "name", existing_type=sa.Text(), nullable=True)
                    op.create_table("_work", sa.Column("id", sa.Integer()))
                    op.rename_table("_work", "streets")
                    op.create_table("_copy", sa.Column("id", sa.Integer()))
                    op.drop_table("_copy")


                def downgrade() -> None:
                    op.drop_column("leads", "full_name")
                """,
            }
        ),
    ],
)


@rule.check
def renames(revision: Revision) -> Iterator[Finding]:
    new = made_here(revision)
    for call in revision.operations("alter_column"):
        if "new_column_name" in call.keywords and revision.table_of(call) not in new:
            yield broken(call, "renames a column")
    for call in revision.operations("rename_table"):
        old = call.argument("old_table_name", 0)
        if old is None or old.constant not in new:
            yield broken(call, "renames a table")


@rule.check
def drops(revision: Revision) -> Iterator[Finding]:
    new = made_here(revision)
    for name, what in (("drop_column", "drops a column"), ("drop_table", "drops a table")):
        for call in revision.operations(name):
            if revision.table_of(call) not in new:
                # It may be the second of the two releases; the files of one do not tell.
                yield replace(broken(call, what), confidence=Confidence.LOW)


def made_here(revision: Revision) -> set[object]:
    return {revision.table_of(call) for call in revision.operations("create_table")}


def broken(call: Call, what: str) -> Finding:
    return call.finding(
        f"This {what} that the release before reads: while the new one is rolled out, the old processes answer 500. Do it in "
        "two releases."
    )


@rule.proof(needs=("alembic", "sqlalchemy"))
def the_old_statement_fails(bad: Served) -> None:
    """What the release before asks for works until the revision has run."""
    assert "before: done\nafter: OperationalError" in bad.run(UPGRADED)


UPGRADED = """
import importlib.util, sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
spec = importlib.util.spec_from_file_location("revision", "migrations/versions/0002_names.py")
revision = importlib.util.module_from_spec(spec)
spec.loader.exec_module(revision)
def asked(connection, when):
    try:
        connection.execute(sa.text("SELECT name FROM leads"))
        print(f"{when}: done")
    except Exception as error:
        print(f"{when}: {type(error).__name__}")
with sa.create_engine("sqlite://").connect() as connection:
    for table in ("leads (name TEXT, city TEXT)", "people (id INTEGER)", "streets (id INTEGER)"):
        connection.execute(sa.text(f"CREATE TABLE {table}"))
    asked(connection, "before")
    with Operations.context(MigrationContext.configure(connection)):
        revision.upgrade()
    asked(connection, "after")
"""
