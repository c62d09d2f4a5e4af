"""Validate the check of revision 0028, in a transaction of its own: reading the table then blocks no write."""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE attempt VALIDATE CONSTRAINT ck_attempt_reason")


def downgrade() -> None:
    """Do nothing: the check stays valid."""
