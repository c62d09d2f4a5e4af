"""Add channels, site rules, silences, messages and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
_KINDS = "kind IN ('opened', 'escalated', 'reminder', 'unstable', 'grouped', 'recovered', 'notice', 'digest', 'test', 'drill')"
_SCHEDULED = "state = 'scheduled'"


def upgrade() -> None:
    _create_channels()
    _create_rules_and_silences()
    _create_messages()
    _create_deliveries()


def downgrade() -> None:
    for table in ("delivery_link_use", "delivery", "alert_message", "silence", "site_alert_rule", "channel_use", "channel"):
        op.drop_table(table)


def _create_channels() -> None:
    op.create_table(
        "channel",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("fallback", sa.Text(), nullable=True),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("proved_at", MOMENT, nullable=True),
        sa.Column("proved_seconds", sa.Double(), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.CheckConstraint("kind IN ('apprise', 'email', 'pagerduty', 'webhook')", name=op.f("ck_channel_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_channel"),
    )
    op.create_index("uq_channel_name", "channel", ["name"], unique=True, postgresql_where=sa.text("deleted_at IS NULL"))
    op.create_table(
        "channel_use",
        sa.Column("pipeline_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline_id", "channel", name="pk_channel_use"),
    )
    op.create_index("ix_channel_use_channel", "channel_use", ["channel"])


def _create_rules_and_silences() -> None:
    op.create_table(
        "site_alert_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rule", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_site_alert_rule"),
        sa.UniqueConstraint("name", name="uq_site_alert_rule_name"),
    )
    op.create_table(
        "silence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_silence"),
    )
    op.create_index("ix_silence_ends_at", "silence", ["ends_at"])
    _index("silence", pipeline_id=(["pipeline_id"], "pipeline_id IS NOT NULL"))


def _create_messages() -> None:
    op.create_table(
        "alert_message",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint(_KINDS, name=op.f("ck_alert_message_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_alert_message"),
    )
    _index(
        "alert_message",
        incident_id=(["incident_id"], "incident_id IS NOT NULL"),
        pipeline_id=(["pipeline_id"], "pipeline_id IS NOT NULL"),
        at=(["at"], "incident_id IS NULL"),
    )


def _create_deliveries() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.BigInteger(), nullable=True),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("first_tried_at", MOMENT, nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("held_by", sa.Text(), nullable=True),
        sa.Column("only_if", sa.Text(), nullable=True),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.CheckConstraint(_KINDS, name=op.f("ck_delivery_kind")),
        sa.CheckConstraint("state IN ('scheduled', 'sent', 'dead', 'dropped')", name=op.f("ck_delivery_state")),
        sa.CheckConstraint("held_by IS NULL OR held_by IN ('quiet', 'silence')", name=op.f("ck_delivery_held_by")),
        sa.CheckConstraint("only_if IS NULL OR only_if IN ('open')", name=op.f("ck_delivery_only_if")),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
    )
    _index(
        "delivery",
        due=(["channel_id", "due_at", "id"], _SCHEDULED),
        leased=(["channel_id", "leased_until"], f"{_SCHEDULED} AND leased_until IS NOT NULL"),
        held=(["held_by", "due_at"], f"{_SCHEDULED} AND held_by IS NOT NULL"),
        channel_id_id=(["channel_id", "id"], None),
        dead=(["channel_id"], "state = 'dead'"),
        drill=(["channel_id", "id"], "kind = 'drill'"),
        incident_id=(["incident_id", "id"], "incident_id IS NOT NULL"),
        message_id=(["message_id"], None),
        pipeline_id=(["pipeline_id"], "pipeline_id IS NOT NULL"),
    )
    op.create_table(
        "delivery_link_use",
        sa.Column("delivery_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "action", name="pk_delivery_link_use"),
    )
    _index("delivery_link_use", pipeline_id=(["pipeline_id"], "pipeline_id IS NOT NULL"))


def _index(table: str, **indexes: tuple[list[str], str | None]) -> None:
    """Create indexes, each of columns with a condition or None."""
    for name, (columns, condition) in indexes.items():
        op.create_index(f"ix_{table}_{name}", table, columns, postgresql_where=sa.text(condition) if condition else None)
