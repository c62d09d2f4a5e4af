"""Validate the checks of revision 0019, in a transaction of its own: reading the tables then blocks no write."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, check in (
        ("run", "ck_run_slot_state"),
        ("attempt", "ck_attempt_reason"),
        ("tick", "ck_tick_reason"),
        ("audit", "ck_audit_deed"),
    ):
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}")


def downgrade() -> None:
    """Do nothing: the checks stay valid."""
