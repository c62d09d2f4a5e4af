"""Flow runs of stages of kind `prefect`, and when they were polled."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, timestamp_column


class FlowRunTable(TableBase, table=True):
    """The flow run of an attempt, from its request until Headgate is done with it.

    A process leases a request by moving `due_at` to the end of the lease, `leased_until`, which keeps the end of the last one. `seen` is
    what was stored last of the flow run's state. `log_position` and `log_next_index` say how far its log was copied.

    There are no foreign keys: rows are written under the lock of the run's row, and a check would update it again.
    """

    __tablename__ = "flow_run"
    __table_args__: ClassVar[Any] = (
        Index("ix_flow_run_due", "due_at", postgresql_where=text("flow_run_id IS NULL")),
        Index("ix_flow_run_followed", "run_id", "stage", "attempt", postgresql_where=text("flow_run_id IS NOT NULL")),
    )
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    stage: str = Field(sa_column=Column(Text(collation="C"), primary_key=True))
    attempt: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    requested_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    due_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    leased_until: datetime | None = Field(default=None, sa_column=timestamp_column())
    tries: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    flow_run_id: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    seen: str | None = Field(default=None, sa_column=Column(Text))
    missing_since: datetime | None = Field(default=None, sa_column=timestamp_column())
    pool_checked_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    cancel_requested_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    cancel_sent_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    log_position: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    log_next_index: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))


class FlowRunPollTable(TableBase, table=True):
    """One row with the time at which a process last began to poll the flow runs."""

    __tablename__ = "flow_run_poll"
    __table_args__: ClassVar[Any] = (CheckConstraint("single", name="single"),)
    single: bool = Field(default=True, sa_column=Column(Boolean, primary_key=True, server_default=text("true")))
    polled_at: datetime = Field(sa_column=timestamp_column(nullable=False))


flow_run = get_table(FlowRunTable)
flow_run_poll = get_table(FlowRunPollTable)
