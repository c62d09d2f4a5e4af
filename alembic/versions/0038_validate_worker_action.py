"""Validate the check of revision 0037, in a transaction of its own: reading the table then blocks no write."""

from __future__ import annotations

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE audit VALIDATE CONSTRAINT ck_audit_deed")


def downgrade() -> None:
    """Do nothing: the check stays valid."""
