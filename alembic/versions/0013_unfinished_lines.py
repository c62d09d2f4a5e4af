"""Add the unfinished lines of an attempt's output."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log_progress", sa.Column("unfinished", postgresql.JSONB(none_as_null=True)))


def downgrade() -> None:
    op.drop_column("log_progress", "unfinished")
