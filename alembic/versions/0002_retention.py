"""Partition events and log lines by week; add idempotency answers and the quarantine of outbox rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from adapters.persistence.tables.partitions import WEEK, WEEKS_AHEAD, build_add_partition_sql, list_weeks
from adapters.persistence.tables.xid8 import Xid8

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATUSES = "('pending', 'queued', 'running', 'waiting', 'completed', 'failed', 'cancelled', 'skipped', 'lost')"
KEYS = {"event": ("run_id", "seq"), "log_line": ("run_id", "n")}
INDEXES = {"event": ("ix_event_xid", ["xid"]), "log_line": ("ix_log_line_of_stage", ["run_id", "stage", "n"])}
OLDEST = timedelta(weeks=104)
"""Older rows go to the default partition, since their time is more likely wrong than right."""


def upgrade() -> None:
    for table in KEYS:
        _rename_old_table(table)
    _create_event()
    _create_log_line()
    for table in KEYS:
        op.create_index(*_index(table))
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
        _create_partitions(table)
        columns = ", ".join(f'"{column["name"]}"' for column in sa.inspect(op.get_bind()).get_columns(f"{table}_before"))
        op.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}_before")
        op.drop_table(f"{table}_before")
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"], postgresql_using="brin")
    op.create_index("ix_report_receipt_created_at", "report_receipt", ["created_at"], postgresql_using="brin")
    op.add_column("outbox", sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "quarantined_at")
    op.drop_index("ix_report_receipt_created_at", "report_receipt")
    op.drop_table("idempotency")
    for table in KEYS:
        op.execute(f"CREATE TABLE {table}_after (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        op.execute(f"INSERT INTO {table}_after SELECT * FROM {table}")
        op.drop_table(table)
        op.rename_table(f"{table}_after", table)
        op.create_primary_key(f"pk_{table}", table, KEYS[table])
        op.create_index(*_index(table))


def _rename_old_table(table: str) -> None:
    """Rename the table, and drop the index and constraint names that the new table needs."""
    op.drop_index(INDEXES[table][0], table)
    op.drop_constraint(f"pk_{table}", table)
    op.rename_table(table, f"{table}_before")


def _index(table: str) -> tuple[str, str, list[str]]:
    name, columns = INDEXES[table]
    return name, table, columns


def _create_partitions(table: str) -> None:
    """Create a partition for each week from the oldest row to `WEEKS_AHEAD`."""
    now = datetime.now(UTC)
    oldest = op.get_bind().scalar(sa.text(f"SELECT min(at) FROM {table}_before WHERE at > :oldest"), {"oldest": now - OLDEST})
    for week in list_weeks(min(oldest or now, now), now + WEEK * WEEKS_AHEAD):
        for statement in build_add_partition_sql(table, week):
            op.execute(statement)


def _create_event() -> None:
    op.create_table(
        "event",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.CheckConstraint(f"status IS NULL OR status IN {STATUSES}", name=op.f("ck_event_status")),
        sa.PrimaryKeyConstraint("run_id", "seq", "at", name="pk_event"),
        postgresql_partition_by="RANGE (at)",
    )


def _create_log_line() -> None:
    op.create_table(
        "log_line",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "n", "at", name="pk_log_line"),
        postgresql_partition_by="RANGE (at)",
    )
