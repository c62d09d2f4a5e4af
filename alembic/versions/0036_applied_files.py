"""Store the file that a pipeline was applied from, and the revision that it made.

The columns are NULL for pipelines that no folder applied. They are added without a rewrite.
"""

from __future__ import annotations

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("source text", "source_file text", "source_revision integer"):
        op.execute(f"ALTER TABLE pipeline ADD COLUMN IF NOT EXISTS {column}")


def downgrade() -> None:
    for column in ("source", "source_file", "source_revision"):
        op.drop_column("pipeline", column)
