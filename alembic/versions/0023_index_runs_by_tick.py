"""Index the runs of ticks by their times."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_run_of_tick",
            "run",
            ["pipeline_id", "scheduled_for", "id"],
            postgresql_concurrently=True,
            postgresql_where=sa.text("scheduled_for IS NOT NULL"),
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_run_of_tick", table_name="run", postgresql_concurrently=True)
