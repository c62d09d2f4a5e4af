"""Schedules and their ticks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, Sequence, Text, text
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, enum_check, get_table, identity_column, timestamp_column
from domain.schedules.tick import TickReason, TickState

IS_WAITING = "state = 'waiting'"
"""SQL condition of ticks that wait for an earlier run, as in their partial index."""
_TICK_IDS = Sequence("tick_id_seq", metadata=TableBase.metadata, data_type=BigInteger)


class ScheduleTable(TableBase, table=True):
    """A schedule of a pipeline, whose newest revision defines it. It is written only under the lock of the pipeline's row.

    `next_due_at` is its next tick and `last_due_at` the last one that was decided. `next_fire_at` is when a service looks at it next: at
    the next tick with its jitter, or at the end of a pause; NULL while it is paused without an end.
    """

    __tablename__ = "schedule"
    __table_args__: ClassVar[Any] = (
        Index("uq_schedule_pipeline_id_name", "pipeline_id", "name", unique=True, postgresql_where=text("removed_at IS NULL")),
        Index("ix_schedule_next_fire_at", "next_fire_at", postgresql_where=text("next_fire_at IS NOT NULL")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    pipeline_id: int = Field(sa_column=Column(BigInteger, ForeignKey("pipeline.id"), nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    next_due_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    next_fire_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    last_due_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    paused_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    paused_by: str | None = Field(default=None, sa_column=Column(Text))
    paused_until: datetime | None = Field(default=None, sa_column=timestamp_column())
    removed_at: datetime | None = Field(default=None, sa_column=timestamp_column())


class TickTable(TableBase, table=True):
    """A tick of a schedule that was decided, or that waits for an earlier run. `id` orders the ticks as they were decided.

    There are no foreign keys: rows are written under the lock of the schedule, and whole partitions are dropped.
    """

    __tablename__ = "tick"
    __table_args__: ClassVar[Any] = (
        enum_check("state", TickState),
        enum_check("reason", TickReason, nullable=True),
        Index("ix_tick_id", "id"),
        Index("ix_tick_state_id", "state", "id"),
        Index("ix_tick_pipeline_id_id", "pipeline_id", "id"),
        Index("ix_tick_pipeline_id_state_id", "pipeline_id", "state", "id"),
        Index("ix_tick_due_at", "due_at"),
        Index("ix_tick_waiting", "schedule_id", postgresql_where=text(IS_WAITING)),
        {"postgresql_partition_by": "RANGE (due_at)"},
    )
    schedule_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    due_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    id: int | None = Field(default=None, sa_column=Column(BigInteger, _TICK_IDS, nullable=False, server_default=_TICK_IDS.next_value()))
    pipeline_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    fire_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    run_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    message: str | None = Field(default=None, sa_column=Column(Text))
    count: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("1")))
    decided_at: datetime = Field(sa_column=timestamp_column(nullable=False))


schedule = get_table(ScheduleTable)
tick = get_table(TickTable)
