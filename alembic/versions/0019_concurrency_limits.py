"""Add concurrency limits, their slots and the requests that wait for them; store priorities of runs and dispatches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
_ATTEMPT_REASONS = ("approval", "external", "retry", "error", "timeout", "rejected", "upstream", "superseded", "fenced")
_TICK_REASONS = (
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
_DEEDS = (
    "signed_in",
    "sign_in_failed",
    "signed_out",
    "triggered",
    "cancelled",
    "retried",
    "skipped",
    "stage_cancelled",
    "approved",
    "rejected",
    "pipeline_created",
    "pipeline_changed",
    "pipeline_paused",
    "pipeline_resumed",
    "pipeline_archived",
    "pipeline_unarchived",
    "pipeline_deleted",
    "schedule_paused",
    "schedule_resumed",
)
_NEW_DEEDS = (
    "started_over_limit",
    "group_limit_set",
    "backfill_started",
    "backfill_paused",
    "backfill_resumed",
    "backfill_cancelled",
)
_MORE_DEEDS = ("token_created", "token_revoked", "account_created", "account_changed", "password_changed")


def upgrade() -> None:
    op.add_column("run", sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("run", sa.Column("slot_state", sa.Text(), server_default=sa.text("'none'"), nullable=False))
    op.add_column("run", sa.Column("over_limit", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("run", sa.Column("backfill_id", sa.BigInteger(), nullable=True))
    op.add_column("dispatch", sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
    op.execute("ALTER TABLE run ADD CONSTRAINT ck_run_slot_state CHECK (slot_state IN ('none', 'waiting', 'held', 'released')) NOT VALID")
    _create_slots()
    _create_limits()
    _replace_checks((*_ATTEMPT_REASONS[:5], "limit", *_ATTEMPT_REASONS[5:]), (*_TICK_REASONS[:4], "limit", *_TICK_REASONS[4:]), _NEW_DEEDS)


def downgrade() -> None:
    """Undo the changes. Runs that wait for a slot stay queued.

    Entries of the new actions stay in the audit log, so its check is NOT VALID.
    """
    op.execute("UPDATE attempt SET reason = NULL WHERE reason = 'limit'")
    op.execute("UPDATE tick SET reason = 'overlap' WHERE reason = 'limit'")
    _replace_checks(_ATTEMPT_REASONS, _TICK_REASONS, ())
    for table in ("group_use", "concurrency_limit", "slot_wait", "slot"):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_run_slot_state"), "run", type_="check")
    op.drop_column("dispatch", "priority")
    for name in ("backfill_id", "over_limit", "slot_state", "priority"):
        op.drop_column("run", name)


def _create_slots() -> None:
    for table, *columns in (
        ("slot", sa.Column("taken_at", MOMENT, nullable=False), sa.Column("over_limit", sa.Boolean(), nullable=False)),
        ("slot_wait", sa.Column("priority", sa.SmallInteger(), nullable=False), sa.Column("waits_since", MOMENT, nullable=False)),
    ):
        op.create_table(
            table,
            sa.Column("bucket", sa.Text(), nullable=False),
            sa.Column("run_id", sa.BigInteger(), nullable=False),
            sa.Column("position", sa.SmallInteger(), nullable=False),
            sa.Column("limit_name", sa.Text(), nullable=False),
            *columns,
            sa.PrimaryKeyConstraint("bucket", "run_id", "position", name=f"pk_{table}"),
        )
        op.create_index(f"ix_{table}_run_id", table, ["run_id"])
    op.create_index("ix_slot_taken", "slot", ["bucket", "taken_at", "run_id", "position"])
    line = ["bucket", sa.text("priority DESC"), "waits_since", "run_id", "position"]
    op.create_index("ix_slot_wait_line", "slot_wait", line)


def _create_limits() -> None:
    op.create_table(
        "concurrency_limit",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("limit_", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=True),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_concurrency_limit"),
    )
    op.create_index("ix_concurrency_limit_pipeline_id", "concurrency_limit", ["pipeline_id"])
    op.create_table(
        "group_use",
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("limit_", sa.Integer(), nullable=True),
        sa.Column("by_run", sa.Boolean(), nullable=False),
        sa.Column("stages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("group_name", "pipeline_id", name="pk_group_use"),
    )
    op.create_index("ix_group_use_pipeline_id", "group_use", ["pipeline_id"])


def _replace_checks(attempt_reasons: tuple[str, ...], tick_reasons: tuple[str, ...], new_deeds: tuple[str, ...]) -> None:
    """Replace the checks without reading the tables under their locks. Revision 0021 validates them."""
    for table, check, condition, values in (
        ("attempt", "ck_attempt_reason", "reason IS NULL OR reason", attempt_reasons),
        ("tick", "ck_tick_reason", "reason IS NULL OR reason", tick_reasons),
        ("audit", "ck_audit_deed", "deed", (*_DEEDS, *new_deeds, *_MORE_DEEDS)),
    ):
        allowed = ", ".join(f"'{value}'" for value in values)
        op.drop_constraint(op.f(check), table, type_="check")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({condition} IN ({allowed})) NOT VALID")
