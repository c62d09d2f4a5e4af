"""Index failed attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_attempt_failed", "attempt", ["run_id"], postgresql_concurrently=True, postgresql_where=sa.text("fingerprint IS NOT NULL")
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_attempt_failed", table_name="attempt", postgresql_concurrently=True)
