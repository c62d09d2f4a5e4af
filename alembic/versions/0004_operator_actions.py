"""Add columns for operator actions on a run, and the fingerprint of a failure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("by_person", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("attempt", sa.Column("stop_requested_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("attempt", sa.Column("fingerprint", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("repeats", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("run", "repeats")
    op.drop_column("attempt", "fingerprint")
    op.drop_column("attempt", "stop_requested_at")
    op.drop_column("attempt", "by_person")
