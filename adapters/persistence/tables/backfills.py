"""Backfills and their ticks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, enum_check, get_table, identity_column, timestamp_column
from domain.backfills.backfill import BackfillState
from domain.backfills.plan import BackfillOrder, ExistingPolicy
from domain.backfills.tick import BackfillTickState
from domain.schedules.tick import TickReason


class BackfillTable(TableBase, table=True):
    """A backfill. The columns from `pending` to `skipped` count its ticks by state. `finished_at` is when the last one ended."""

    __tablename__ = "backfill"
    __table_args__: ClassVar[Any] = (
        enum_check("state", BackfillState),
        enum_check("tick_order", BackfillOrder),
        enum_check("existing", ExistingPolicy),
        Index("ix_backfill_pipeline_id_id", "pipeline_id", "id"),
        Index("ix_backfill_unfinished", "id", postgresql_where=text("finished_at IS NULL")),
        Index("ix_backfill_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    pipeline_id: int = Field(sa_column=Column(BigInteger, ForeignKey("pipeline.id"), nullable=False))
    schedule_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    schedule: str | None = Field(default=None, sa_column=Column(Text))
    cron: str | None = Field(default=None, sa_column=Column(Text))
    timezone: str = Field(sa_column=Column(Text, nullable=False))
    since: datetime = Field(sa_column=timestamp_column(nullable=False))
    until: datetime = Field(sa_column=timestamp_column(nullable=False))
    tick_order: str = Field(sa_column=Column(Text, nullable=False))
    parallel: int = Field(sa_column=Column(Integer, nullable=False))
    existing: str = Field(sa_column=Column(Text, nullable=False))
    parameters: Any = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    created_by: str | None = Field(default=None, sa_column=Column(Text))
    state: str = Field(sa_column=Column(Text, nullable=False))
    pending: int = Field(sa_column=Column(Integer, nullable=False))
    running: int = Field(sa_column=Column(Integer, nullable=False))
    completed: int = Field(sa_column=Column(Integer, nullable=False))
    failed: int = Field(sa_column=Column(Integer, nullable=False))
    cancelled: int = Field(sa_column=Column(Integer, nullable=False))
    skipped: int = Field(sa_column=Column(Integer, nullable=False))
    paused_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    paused_by: str | None = Field(default=None, sa_column=Column(Text))
    cancelled_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    cancelled_by: str | None = Field(default=None, sa_column=Column(Text))
    finished_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    message: str | None = Field(default=None, sa_column=Column(Text))
    retry_at: datetime | None = Field(default=None, sa_column=timestamp_column())


class BackfillTickTable(TableBase, table=True):
    """A tick of a backfill. `position` is its place in the order in which the ticks run.

    There are no foreign keys: rows are written under the lock of the backfill, and removed with it.
    """

    __tablename__ = "backfill_tick"
    __table_args__: ClassVar[Any] = (
        enum_check("state", BackfillTickState),
        enum_check("reason", TickReason, nullable=True),
        Index("uq_backfill_tick_backfill_id_due_at", "backfill_id", "due_at", unique=True),
        Index("ix_backfill_tick_backfill_id_state_position", "backfill_id", "state", "position"),
        Index("ix_backfill_tick_pipeline_id", "pipeline_id"),
    )
    backfill_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    pipeline_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    due_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    run_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    message: str | None = Field(default=None, sa_column=Column(Text))


backfill = get_table(BackfillTable)
backfill_tick = get_table(BackfillTickTable)
