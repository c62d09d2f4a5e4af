"""Add incidents, their timelines and the states of alert rules; allow the audit actions of alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
_EVENTS = ("failed", "lost", "cancelled", "completed", "recovered", "missed", "late", "overrun", "waiting")
_RESOLUTIONS = ("recovered", "resolved", "decided", "rule_removed", "pipeline_archived", "channel_works")
_ENTRIES = ("opened", "repeated", "acknowledged", "snoozed", "resolved", "unstable", "stable", "grouped")
_UNRESOLVED = "resolved_at IS NULL"
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
    "started_over_limit",
    "group_limit_set",
    "backfill_started",
    "backfill_paused",
    "backfill_resumed",
    "backfill_cancelled",
)
_NEW_DEEDS = (
    "incident_acknowledged",
    "incident_snoozed",
    "incident_resolved",
    "silence_created",
    "silence_ended",
    "channel_created",
    "channel_changed",
    "channel_deleted",
    "channel_tested",
    "alert_rule_created",
    "alert_rule_changed",
    "alert_rule_deleted",
)
_MORE_DEEDS = ("token_created", "token_revoked", "account_created", "account_changed", "password_changed")


def upgrade() -> None:
    _create_states()
    _create_incidents()
    _create_entries()
    _replace_audit_check(_NEW_DEEDS)


def downgrade() -> None:
    """Drop the tables. Entries of the new actions stay in the audit log, so its check is NOT VALID."""
    _replace_audit_check(())
    for table in ("incident_entry", "incident", "alert_rule_state", "alert_position"):
        op.drop_table(table)


def _create_states() -> None:
    op.create_table(
        "alert_position",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert_position"),
    )
    op.create_table(
        "alert_rule_state",
        sa.Column("pipeline_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule_key", sa.Text(), nullable=False),
        sa.Column("concurrency_key", sa.Text(), nullable=False),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline_id", "rule_key", "concurrency_key", name="pk_alert_rule_state"),
    )


def _create_incidents() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("rule_key", sa.Text(), nullable=False),
        sa.Column("concurrency_key", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("first_run_id", sa.BigInteger(), nullable=True),
        sa.Column("last_run_id", sa.BigInteger(), nullable=True),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=True),
        sa.Column("unstable", sa.Boolean(), nullable=False),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_at", MOMENT, nullable=True),
        sa.Column("snoozed_until", MOMENT, nullable=True),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('pipeline', 'channel')", name=op.f("ck_incident_kind")),
        sa.CheckConstraint(f"event IS NULL OR event IN ({_quote(_EVENTS)})", name=op.f("ck_incident_event")),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'snoozed', 'resolved')", name=op.f("ck_incident_state")),
        sa.CheckConstraint(f"resolution IS NULL OR resolution IN ({_quote(_RESOLUTIONS)})", name=op.f("ck_incident_resolution")),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
    )
    for name, columns, condition in (
        ("uq_incident_unresolved", ["pipeline_id", "rule_key", "concurrency_key"], f"pipeline_id IS NOT NULL AND {_UNRESOLVED}"),
        ("uq_incident_unresolved_of_channel", ["channel_id"], f"channel_id IS NOT NULL AND {_UNRESOLVED}"),
        ("ix_incident_unresolved", ["id"], _UNRESOLVED),
        ("ix_incident_pipeline_id_id", ["pipeline_id", "id"], None),
        ("ix_incident_pipeline_id_last_run_id", ["pipeline_id", "last_run_id"], None),
        ("ix_incident_cause", ["cause", "opened_at"], "cause IS NOT NULL"),
        ("ix_incident_opened_at", ["opened_at"], None),
        ("ix_incident_group_id", ["group_id"], "group_id IS NOT NULL"),
        ("ix_incident_resolved_at", ["resolved_at"], "resolved_at IS NOT NULL"),
    ):
        where = sa.text(condition) if condition else None
        op.create_index(name, "incident", columns, unique=name.startswith("uq_"), postgresql_where=where)


def _create_entries() -> None:
    op.create_table(
        "incident_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(f"kind IN ({_quote(_ENTRIES)})", name=op.f("ck_incident_entry_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_incident_entry"),
    )
    op.create_index("ix_incident_entry_incident_id_id", "incident_entry", ["incident_id", "id"])
    op.create_index("ix_incident_entry_pipeline_id", "incident_entry", ["pipeline_id"])


def _replace_audit_check(new_deeds: tuple[str, ...]) -> None:
    """Replace the check without reading the table under its lock. Revision 0026 validates it."""
    op.drop_constraint(op.f("ck_audit_deed"), "audit", type_="check")
    allowed = _quote((*_DEEDS, *new_deeds, *_MORE_DEEDS))
    op.execute(f"ALTER TABLE audit ADD CONSTRAINT ck_audit_deed CHECK (deed IN ({allowed})) NOT VALID")


def _quote(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)
