"""Add backfills and their ticks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
_STATES = "state IN ('running', 'paused', 'completed', 'cancelled')"
_TICK_STATES = "state IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'skipped')"
_REASONS = (
    "outage",
    "disk_full",
    "overlap",
    "queue_full",
    "limit",
    "outside_window",
    "superseded",
    "archived",
    "invalid_parameters",
    "paused",
    "removed",
)
_COUNTS = ("pending", "running", "completed", "failed", "cancelled", "skipped")


def upgrade() -> None:
    op.create_table(
        "backfill",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("schedule_id", sa.BigInteger(), nullable=True),
        sa.Column("schedule", sa.Text(), nullable=True),
        sa.Column("cron", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("tick_order", sa.Text(), nullable=False),
        sa.Column("parallel", sa.Integer(), nullable=False),
        sa.Column("existing", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COUNTS),
        sa.Column("paused_at", MOMENT, nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("cancelled_at", MOMENT, nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("retry_at", MOMENT, nullable=True),
        sa.CheckConstraint(_STATES, name=op.f("ck_backfill_state")),
        sa.CheckConstraint("tick_order IN ('oldest', 'newest')", name=op.f("ck_backfill_tick_order")),
        sa.CheckConstraint("existing IN ('skip', 'failed', 'all')", name=op.f("ck_backfill_existing")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipeline.id"], name="fk_backfill_pipeline_id"),
        sa.PrimaryKeyConstraint("id", name="pk_backfill"),
    )
    op.create_index("ix_backfill_pipeline_id_id", "backfill", ["pipeline_id", "id"])
    op.create_index("ix_backfill_unfinished", "backfill", ["id"], postgresql_where=sa.text("finished_at IS NULL"))
    op.create_index("ix_backfill_finished_at", "backfill", ["finished_at"], postgresql_where=sa.text("finished_at IS NOT NULL"))
    _create_ticks()


def downgrade() -> None:
    op.drop_table("backfill_tick")
    op.drop_table("backfill")


def _create_ticks() -> None:
    reasons = ", ".join(f"'{reason}'" for reason in _REASONS)
    op.create_table(
        "backfill_tick",
        sa.Column("backfill_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.CheckConstraint(_TICK_STATES, name=op.f("ck_backfill_tick_state")),
        sa.CheckConstraint(f"reason IS NULL OR reason IN ({reasons})", name=op.f("ck_backfill_tick_reason")),
        sa.PrimaryKeyConstraint("backfill_id", "position", name="pk_backfill_tick"),
    )
    op.create_index("uq_backfill_tick_backfill_id_due_at", "backfill_tick", ["backfill_id", "due_at"], unique=True)
    op.create_index("ix_backfill_tick_backfill_id_state_position", "backfill_tick", ["backfill_id", "state", "position"])
    op.create_index("ix_backfill_tick_pipeline_id", "backfill_tick", ["pipeline_id"])
