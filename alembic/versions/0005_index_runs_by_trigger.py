"""Index runs by trigger, and waiting attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_attempt_waiting", "attempt", ["run_id"], postgresql_where=sa.text("status = 'waiting'"), postgresql_concurrently=True
        )
        op.create_index("ix_run_by_trigger", "run", ["trigger", sa.text("id DESC")], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_run_by_trigger", table_name="run", postgresql_concurrently=True)
        op.drop_index("ix_attempt_waiting", table_name="attempt", postgresql_concurrently=True)
