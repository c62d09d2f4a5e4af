"""Add how long a run was idle, and since when it is. Runs of earlier releases keep 0: their attempts do not say it in full."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that PostgreSQL stores in its catalog, without writing the table again."""
    op.add_column("run", sa.Column("idle_seconds", sa.Double(), nullable=False, server_default=sa.text("0")))
    op.add_column("run", sa.Column("idle_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("run", "idle_since")
    op.drop_column("run", "idle_seconds")
