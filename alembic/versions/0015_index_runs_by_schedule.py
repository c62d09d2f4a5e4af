"""Index the unfinished runs of schedules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_UNFINISHED = "status NOT IN ('cancelled', 'completed', 'failed', 'lost', 'skipped')"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_run_of_schedule",
            "run",
            ["schedule_id", "id"],
            postgresql_concurrently=True,
            postgresql_where=sa.text(f"schedule_id IS NOT NULL AND {_UNFINISHED}"),
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_run_of_schedule", table_name="run", postgresql_concurrently=True)
