"""Add events of pipelines and schedules as a whole, for the change feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from adapters.persistence.tables.xid8 import Xid8

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger()),
        sa.Column("actor", sa.Text()),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_site_event"),
    )
    op.create_index("ix_site_event_xid", "site_event", ["xid"])
    op.create_index("ix_site_event_at", "site_event", ["at"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_table("site_event")
