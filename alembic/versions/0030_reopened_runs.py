"""Add when a run was reopened, so that a backfill finds runs that were retried and ended between two of its passes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column if an interrupted attempt did not, and build the index without blocking writes."""
    op.add_column("run", sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True), if_not_exists=True)
    with op.get_context().autocommit_block():
        _drop_index()
        op.create_index(
            "ix_run_reopened_of_backfill",
            "run",
            ["backfill_id", "id"],
            postgresql_concurrently=True,
            postgresql_where=sa.text("backfill_id IS NOT NULL AND reopened_at IS NOT NULL"),
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop_index()
    op.drop_column("run", "reopened_at")


def _drop_index() -> None:
    op.drop_index("ix_run_reopened_of_backfill", table_name="run", if_exists=True, postgresql_concurrently=True)
