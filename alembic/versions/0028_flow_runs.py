"""Add the flow runs of stages of kind `prefect`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
_REASONS = ("approval", "external", "retry", "error", "timeout", "limit", "rejected", "upstream", "superseded", "fenced")


def upgrade() -> None:
    op.add_column("attempt", sa.Column("flow_run", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    _replace_check((*_REASONS[:9], "paused", *_REASONS[9:]))
    op.create_table(
        "flow_run",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(collation="C"), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=True),
        sa.Column("seen", sa.Text(), nullable=True),
        sa.Column("missing_since", MOMENT, nullable=True),
        sa.Column("pool_checked_at", MOMENT, nullable=True),
        sa.Column("cancel_requested_at", MOMENT, nullable=True),
        sa.Column("cancel_sent_at", MOMENT, nullable=True),
        sa.Column("log_position", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("log_next_index", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "stage", "attempt", name="pk_flow_run"),
    )
    op.create_index("ix_flow_run_due", "flow_run", ["due_at"], postgresql_where=sa.text("flow_run_id IS NULL"))
    followed = ["run_id", "stage", "attempt"]
    op.create_index("ix_flow_run_followed", "flow_run", followed, postgresql_where=sa.text("flow_run_id IS NOT NULL"))
    op.create_table(
        "flow_run_poll",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("polled_at", MOMENT, nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_flow_run_poll_single")),
        sa.PrimaryKeyConstraint("single", name="pk_flow_run_poll"),
    )


def downgrade() -> None:
    """Undo the changes. Stages of kind `prefect` that are paused keep waiting, without a reason."""
    op.drop_table("flow_run_poll")
    op.drop_table("flow_run")
    op.execute("UPDATE attempt SET reason = NULL WHERE reason = 'paused'")
    _replace_check(_REASONS)
    op.drop_column("attempt", "flow_run")


def _replace_check(reasons: tuple[str, ...]) -> None:
    """Replace the check without reading the table under its lock. Revision 0029 validates it."""
    allowed = ", ".join(f"'{reason}'" for reason in reasons)
    op.drop_constraint(op.f("ck_attempt_reason"), "attempt", type_="check")
    op.execute(f"ALTER TABLE attempt ADD CONSTRAINT ck_attempt_reason CHECK (reason IS NULL OR reason IN ({allowed})) NOT VALID")
