"""Mark log lines whose order among the two streams of a stage is approximate.

The column is NULL for all other lines. It is added without a rewrite, and no line takes more space.
"""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE log_line ADD COLUMN IF NOT EXISTS is_order_approximate boolean")


def downgrade() -> None:
    op.drop_column("log_line", "is_order_approximate")
