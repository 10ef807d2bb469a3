"""Tenants, their keys and leads, and the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", identity, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", identity, primary_key=True),
        sa.Column("tenant_id", identity, sa.ForeignKey("tenants.id"), nullable=False, index=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "leads",
        sa.Column("id", identity, primary_key=True),
        sa.Column("tenant_id", identity, sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("company", sa.String(100)),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("summary", sa.Text()),
        sa.Column("claimed_by", identity, sa.ForeignKey("api_keys.id")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.UniqueConstraint("tenant_id", "email"),
        sa.Index("ix_leads_page", "tenant_id", "id"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", identity, primary_key=True),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Index("ix_outbox_due", "delivered_at", "due_at"),
    )


def downgrade() -> None:
    for table in ("outbox", "leads", "api_keys", "tenants"):
        op.drop_table(table)
