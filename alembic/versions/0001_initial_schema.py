"""Create the first tables: pipelines, runs, bursts with their leases and outbox, and logs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from adapters.persistence.tables.xid8 import Xid8

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATUSES = "('pending', 'queued', 'running', 'waiting', 'completed', 'failed', 'cancelled', 'skipped', 'lost')"
TERMINAL = "('cancelled', 'completed', 'failed', 'lost', 'skipped')"
KEEP_TERMINAL_STATUS = """
CREATE FUNCTION keep_terminal_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt % of stage % of run % is %, which is final', OLD.number, OLD.stage, OLD.run_id, OLD.status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'attempt_keeps_terminal_status';
END
$$
"""
GUARD_ATTEMPTS = f"""
CREATE TRIGGER attempt_keeps_terminal_status BEFORE UPDATE OF status ON attempt FOR EACH ROW
WHEN (OLD.status IN {TERMINAL} AND NEW.status IS DISTINCT FROM OLD.status)
EXECUTE FUNCTION keep_terminal_status()
"""


def upgrade() -> None:
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
        sa.CheckConstraint(
            f"status IS NULL OR status IN {STATUSES}",
            name=op.f("ck_event_status"),
        ),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_event"),
    )
    op.create_index("ix_event_xid", "event", ["xid"])
    op.create_table(
        "installation",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_installation_single")),
        sa.PrimaryKeyConstraint("single", name="pk_installation"),
    )
    op.create_table(
        "log_counter",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_n", sa.BigInteger(), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_log_counter"),
    )
    op.create_index("ix_log_counter_xid", "log_counter", ["xid"])
    op.create_table(
        "log_line",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "n", name="pk_log_line"),
    )
    op.create_index("ix_log_line_of_stage", "log_line", ["run_id", "stage", "n"])
    op.create_table(
        "log_progress",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_index", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cut", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "stage", "attempt", name="pk_log_progress"),
    )
    op.create_table(
        "pipeline",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pipeline"),
        sa.UniqueConstraint("name", name="uq_pipeline_name"),
    )
    op.create_table(
        "reporter_seq",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "reporter", name="pk_reporter_seq"),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("free", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
    )
    op.create_table(
        "revision",
        sa.Column("pipeline_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipeline.id"], name="fk_revision_pipeline_id"),
        sa.PrimaryKeyConstraint("pipeline_id", "revision", name="pk_revision"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trace", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("records_processed", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stop_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("burst_state", sa.Text(), nullable=False),
        sa.Column("burst_epoch", sa.Integer(), nullable=False),
        sa.Column("burst_holder", sa.Text(), nullable=True),
        sa.CheckConstraint("burst_state IN ('none', 'requested', 'claimed')", name=op.f("ck_run_burst_state")),
        sa.CheckConstraint(
            f"status IN {STATUSES}",
            name=op.f("ck_run_status"),
        ),
        sa.CheckConstraint(
            f"verdict IS NULL OR verdict IN {STATUSES}",
            name=op.f("ck_run_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id", "revision"], ["revision.pipeline_id", "revision.revision"], name="fk_run_pipeline_id_revision"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("pipeline_id", "number", name="uq_run_pipeline_id_number"),
    )
    op.create_index(
        "ix_run_active",
        "run",
        ["pipeline_id", "id"],
        postgresql_where=sa.text(f"status NOT IN {TERMINAL}"),
    )
    op.create_index("ix_run_by_status", "run", ["status", sa.literal_column("id DESC")])
    op.create_index(
        "ix_run_due",
        "run",
        ["next_due_at"],
        postgresql_where=sa.text(f"next_due_at IS NOT NULL AND status NOT IN {TERMINAL}"),
    )
    op.create_index("ix_run_of_pipeline", "run", ["pipeline_id", sa.literal_column("id DESC")])
    op.create_table(
        "attempt",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("records_processed", sa.BigInteger(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("output", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reason IS NULL OR reason IN ('approval', 'external', 'retry', 'error', 'timeout', 'rejected', 'upstream')",
            name=op.f("ck_attempt_reason"),
        ),
        sa.CheckConstraint(
            f"status IN {STATUSES}",
            name=op.f("ck_attempt_status"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_attempt_run_id"),
        sa.PrimaryKeyConstraint("run_id", "position", "number", name="pk_attempt"),
    )
    op.create_table(
        "burst",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("lost", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_burst_run_id"),
        sa.PrimaryKeyConstraint("run_id", "epoch", name="pk_burst"),
    )
    op.create_index("ix_burst_flow_run_id", "burst", ["flow_run_id"])
    op.create_index(
        "ix_burst_requested", "burst", ["pool", "requested_at"], postgresql_where=sa.text("claimed_at IS NULL AND ended_at IS NULL")
    )
    op.create_index(
        "ix_burst_unsettled", "burst", ["requested_at"], postgresql_where=sa.text("flow_run_id IS NOT NULL AND settled_at IS NULL")
    )
    op.create_table(
        "lease",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_lease_run_id"),
        sa.PrimaryKeyConstraint("run_id", name="pk_lease"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("relay", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_outbox_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("run_id", "epoch", name="uq_outbox_run_id_epoch"),
    )
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"])
    op.create_table(
        "report_receipt",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_report_receipt_run_id"),
        sa.PrimaryKeyConstraint("run_id", "reporter", "event_id", name="pk_report_receipt"),
    )
    op.execute("INSERT INTO installation DEFAULT VALUES")
    op.execute(KEEP_TERMINAL_STATUS)
    op.execute(GUARD_ATTEMPTS)


def downgrade() -> None:
    for table in (
        "report_receipt",
        "outbox",
        "lease",
        "burst",
        "attempt",
        "run",
        "revision",
        "worker",
        "reporter_seq",
        "pipeline",
        "log_progress",
        "log_line",
        "log_counter",
        "installation",
        "event",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION keep_terminal_status()")
