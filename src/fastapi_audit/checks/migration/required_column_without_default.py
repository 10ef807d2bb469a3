"""Required column added without a default

The newest revision adds a column with `nullable=False` and gives the rows that are there no value for it. PostgreSQL and
SQLite refuse that on every table that holds a row, so the migration works on the empty database of a test and fails in
production, in the middle of the release.

## Use instead
`server_default=`, which fills the rows; or three steps: add the column nullable, fill it, then set it `NOT NULL`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Call, Revision
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

FILLED = ("server_default", "computed", "identity")
FILLS = frozenset({"sqlalchemy.Computed", "sqlalchemy.Identity", "sqlalchemy.FetchedValue"})
EMPTIES = re.compile(r"\b(delete\s+from|truncate)\b", re.IGNORECASE)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://alembic.sqlalchemy.org/en/latest/ops.html#alembic.operations.Operations.add_column"],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "migrations/versions/0002_city.py": """
                import sqlalchemy as sa
                from alembic import op

                revision = "0002"
                down_revision = "0001"


                def upgrade() -> None:
                    op.add_column("leads", sa.Column("city", sa.Text(), nullable=False))  # finding
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI

                app = FastAPI()
                """,
                "migrations/versions/0001_leads.py": """
                import sqlalchemy as sa
                from alembic import op

                revision = "0001"
                down_revision = None


                def upgrade() -> None:
                    op.add_column("leads", sa.Column("name", sa.Text(), nullable=False))
                """,
                "migrations/versions/0002_city.py": """
                import sqlalchemy as sa
                from alembic import op

                revision = "0002"
                down_revision = "0001"


                def upgrade() -> None:
                    op.create_table("cities", sa.Column("id", sa.Integer(), primary_key=True))
                    op.add_column("cities", sa.Column("name", sa.Text(), nullable=False))
                    op.add_column("leads", sa.Column("city", sa.Text(), nullable=False, server_default=""))
                    op.add_column("leads", sa.Column("number", sa.Integer(), sa.Identity(), nullable=False))
                    op.add_column("leads", sa.Column("street", sa.Text()))
                    op.execute("DELETE FROM sessions")
                    op.add_column("sessions", sa.Column("agent", sa.Text(), nullable=False))


                def downgrade() -> None:
                    op.add_column("leads", sa.Column("gone", sa.Text(), nullable=False))
                """,
            }
        ),
    ],
)


@rule.check
def required(revision: Revision) -> Iterator[Finding]:
    new = {revision.table_of(call) for call in revision.operations("create_table")}
    emptied = [call.text for call in revision.operations("execute") if EMPTIES.search(call.text)]
    for call in revision.operations("add_column"):
        table = revision.table_of(call)
        if table is None or table in new or any(table in text for text in emptied):
            continue
        column = next((a for a in call.arguments if isinstance(a, Call) and a.name == "sqlalchemy.Column"), None)
        if column is not None and is_required(column):
            yield call.finding(
                f"`{table}` has rows, and this gives them no value for a column that must have one: the migration fails in "
                "production. Add `server_default=`."
            )


def is_required(column: Call) -> bool:
    nullable = column.keywords.get("nullable")
    if nullable is None or nullable.constant is not False or column.has_unknown_arguments:
        return False
    if any(name in column.keywords for name in FILLED):
        return False
    return not any(isinstance(a, Call) and a.name in FILLS for a in column.arguments)


@rule.proof(needs=("alembic", "sqlalchemy"))
def one_row_is_enough(bad: Served) -> None:
    """The revision runs on an empty table and fails on one that holds a row."""
    assert "empty: done" in bad.run(UPGRADED)
    assert "one row: OperationalError" in bad.run(UPGRADED)


UPGRADED = """
import importlib.util, sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
spec = importlib.util.spec_from_file_location("revision", "migrations/versions/0002_city.py")
revision = importlib.util.module_from_spec(spec)
spec.loader.exec_module(revision)
for name, rows in (("empty", 0), ("one row", 1)):
    with sa.create_engine("sqlite://").connect() as connection:
        connection.execute(sa.text("CREATE TABLE leads (id INTEGER)"))
        for _ in range(rows):
            connection.execute(sa.text("INSERT INTO leads VALUES (1)"))
        try:
            with Operations.context(MigrationContext.configure(connection)):
                revision.upgrade()
            print(f"{name}: done")
        except Exception as error:
            print(f"{name}: {type(error).__name__}")
"""
