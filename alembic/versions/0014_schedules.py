"""Add schedules and their ticks, and what a tick's run was opened for."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from adapters.persistence.tables.partitions import WEEK, WEEKS_AHEAD, build_add_partition_sql, list_weeks

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_STATES = ("fired", "late", "waiting", "missed", "skipped", "paused")
_REASONS = (
    "outage",
    "disk_full",
    "overlap",
    "queue_full",
    "outside_window",
    "superseded",
    "archived",
    "invalid_parameters",
    "paused",
    "removed",
)
_TICK_INDEXES = {
    "ix_tick_id": ["id"],
    "ix_tick_state_id": ["state", "id"],
    "ix_tick_pipeline_id_id": ["pipeline_id", "id"],
    "ix_tick_pipeline_id_state_id": ["pipeline_id", "state", "id"],
    "ix_tick_due_at": ["due_at"],
}


def upgrade() -> None:
    op.add_column("run", sa.Column("schedule_id", sa.BigInteger()))
    op.add_column("run", sa.Column("scheduled_for", sa.DateTime(timezone=True)))
    _create_schedule()
    _create_tick()


def downgrade() -> None:
    op.drop_table("tick")
    op.execute("DROP SEQUENCE tick_id_seq")
    op.drop_table("schedule")
    op.drop_column("run", "scheduled_for")
    op.drop_column("run", "schedule_id")


def _create_schedule() -> None:
    op.create_table(
        "schedule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), sa.ForeignKey("pipeline.id", name="fk_schedule_pipeline_id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True)),
        sa.Column("next_fire_at", sa.DateTime(timezone=True)),
        sa.Column("last_due_at", sa.DateTime(timezone=True)),
        sa.Column("paused_at", sa.DateTime(timezone=True)),
        sa.Column("paused_by", sa.Text()),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
    )
    op.create_index(
        "uq_schedule_pipeline_id_name", "schedule", ["pipeline_id", "name"], unique=True, postgresql_where=sa.text("removed_at IS NULL")
    )
    op.create_index("ix_schedule_next_fire_at", "schedule", ["next_fire_at"], postgresql_where=sa.text("next_fire_at IS NOT NULL"))


def _create_tick() -> None:
    op.execute("CREATE SEQUENCE tick_id_seq AS bigint")
    op.create_table(
        "tick",
        sa.Column("schedule_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), server_default=sa.text("nextval('tick_id_seq')"), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("fire_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger()),
        sa.Column("reason", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("count", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"state IN {_STATES}", name=op.f("ck_tick_state")),
        sa.CheckConstraint(f"reason IS NULL OR reason IN {_REASONS}", name=op.f("ck_tick_reason")),
        sa.PrimaryKeyConstraint("schedule_id", "due_at", name="pk_tick"),
        postgresql_partition_by="RANGE (due_at)",
    )
    for name, columns in _TICK_INDEXES.items():
        op.create_index(name, "tick", columns)
    op.create_index("ix_tick_waiting", "tick", ["schedule_id"], postgresql_where=sa.text("state = 'waiting'"))
    op.execute("CREATE TABLE tick_default PARTITION OF tick DEFAULT")
    now = datetime.now(UTC)
    for week in list_weeks(now, now + WEEK * WEEKS_AHEAD):
        for statement in build_add_partition_sql("tick", week):
            op.execute(statement)
