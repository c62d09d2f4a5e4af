"""Runs with their attempts, events and first failures."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import UNFINISHED, TableBase, enum_check, get_table, identity_column, timestamp_column
from adapters.persistence.tables.xid8 import Xid8
from domain.concurrency.slots import SlotState
from domain.runs.dispatch import DispatchState
from domain.runs.status import Reason, Status


class RunTable(TableBase, table=True):
    """A run. `next_due_at` is when its next timer expires; the `dispatch_*` columns hold its newest dispatch."""

    __tablename__ = "run"
    __table_args__: ClassVar[Any] = (
        ForeignKeyConstraint(["pipeline_id", "revision"], ["revision.pipeline_id", "revision.revision"]),
        UniqueConstraint("pipeline_id", "number"),
        enum_check("status", Status),
        enum_check("verdict", Status, nullable=True),
        enum_check("dispatch_state", DispatchState),
        enum_check("slot_state", SlotState),
        Index("ix_run_of_pipeline", "pipeline_id", desc("id")),
        Index("ix_run_by_status", "status", desc("id")),
        Index("ix_run_of_pipeline_by_status", "pipeline_id", "status", desc("id")),
        Index("ix_run_by_trigger", "trigger", desc("id")),
        Index("ix_run_active", "pipeline_id", "id", postgresql_where=text(UNFINISHED)),
        Index("ix_run_of_schedule", "schedule_id", "id", postgresql_where=text(f"schedule_id IS NOT NULL AND {UNFINISHED}")),
        Index("ix_run_of_backfill", "backfill_id", "id", postgresql_where=text(f"backfill_id IS NOT NULL AND {UNFINISHED}")),
        Index(
            "ix_run_reopened_of_backfill", "backfill_id", "id", postgresql_where=text("backfill_id IS NOT NULL AND reopened_at IS NOT NULL")
        ),
        Index("ix_run_of_tick", "pipeline_id", "scheduled_for", "id", postgresql_where=text("scheduled_for IS NOT NULL")),
        Index("ix_run_due", "next_due_at", postgresql_where=text(f"next_due_at IS NOT NULL AND {UNFINISHED}")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    pipeline_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    number: int = Field(sa_column=Column(BigInteger, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    verdict: str | None = Field(default=None, sa_column=Column(Text))
    trigger: str = Field(sa_column=Column(Text, nullable=False))
    actor: str | None = Field(default=None, sa_column=Column(Text))
    repeats: int | None = Field(default=None, sa_column=Column(BigInteger))
    parameters: Any = Field(sa_column=Column(JSONB, nullable=False))
    trace: Any = Field(sa_column=Column(JSONB, nullable=False))
    pool: str = Field(sa_column=Column(Text, nullable=False))
    records_processed: int | None = Field(default=None, sa_column=Column(BigInteger))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    finished_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    stop_requested_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    next_due_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    last_seq: int = Field(sa_column=Column(Integer, nullable=False))
    dispatch_state: str = Field(sa_column=Column(Text, nullable=False))
    dispatch_epoch: int = Field(sa_column=Column(Integer, nullable=False))
    dispatch_holder: str | None = Field(default=None, sa_column=Column(Text))
    schedule_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    scheduled_for: datetime | None = Field(default=None, sa_column=timestamp_column())
    priority: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    slot_state: str = Field(default=SlotState.NONE, sa_column=Column(Text, nullable=False, server_default=text("'none'")))
    over_limit: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    backfill_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    reopened_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    idle_seconds: float = Field(default=0.0, sa_column=Column(Double, nullable=False, server_default=text("0")))
    idle_since: datetime | None = Field(default=None, sa_column=timestamp_column())


class AttemptTable(TableBase, table=True):
    """An attempt of the stage at `position` in the run's definition. `stage` repeats the stage's name for people who read the table."""

    __tablename__ = "attempt"
    __table_args__: ClassVar[Any] = (
        enum_check("status", Status),
        enum_check("reason", Reason, nullable=True),
        Index("ix_attempt_failed", "run_id", postgresql_where=text("fingerprint IS NOT NULL")),
        Index("ix_attempt_waiting", "run_id", postgresql_where=text("status = 'waiting'")),
    )
    run_id: int = Field(sa_column=Column(BigInteger, ForeignKey("run.id"), primary_key=True, autoincrement=False))
    position: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    stage: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    queued_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    due_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    deadline_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    started_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    finished_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    records_processed: int | None = Field(default=None, sa_column=Column(BigInteger))
    error_message: str | None = Field(default=None, sa_column=Column(Text))
    message: str | None = Field(default=None, sa_column=Column(Text))
    output: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    epoch: int | None = Field(default=None, sa_column=Column(Integer))
    worker: str | None = Field(default=None, sa_column=Column(Text))
    by_person: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    stop_requested_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    fingerprint: str | None = Field(default=None, sa_column=Column(Text))
    end_reported: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    flow_run: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))


class FailureTable(TableBase, table=True):
    """The run in which a stage of a pipeline first failed with a fingerprint, so that finding it does not read all later runs.

    There are no foreign keys: the row is written under the lock of the failed run, and removed with its pipeline.
    """

    __tablename__ = "failure"
    pipeline_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    stage: str = Field(sa_column=Column(Text, primary_key=True))
    fingerprint: str = Field(sa_column=Column(Text, primary_key=True))
    run_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    first_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class EventTable(TableBase, table=True):
    """An event of a run. `xid` is the transaction that wrote it, from which the change feed makes its cursor.

    There is no foreign key: events are appended under the run's row lock, and each check would update the run's row again. The lock also
    keeps (run id, seq) unique, which a table partitioned by time cannot enforce without the time.
    """

    __tablename__ = "event"
    __table_args__: ClassVar[Any] = (enum_check("status", Status, nullable=True), {"postgresql_partition_by": "RANGE (at)"})
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    seq: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    pipeline_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    stage: str | None = Field(default=None, sa_column=Column(Text))
    attempt: int | None = Field(default=None, sa_column=Column(Integer))
    status: str | None = Field(default=None, sa_column=Column(Text))
    actor: str | None = Field(default=None, sa_column=Column(Text))
    data: Any = Field(sa_column=Column(JSONB, nullable=False))
    xid: str | None = Field(default=None, sa_column=Column(Xid8, nullable=False, index=True, server_default=text("pg_current_xact_id()")))


run = get_table(RunTable)
attempt = get_table(AttemptTable)
failure = get_table(FailureTable)
event = get_table(EventTable)
