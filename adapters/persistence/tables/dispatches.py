"""Dispatches of runs, their leases, and the outbox that sends them to Prefect."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, SmallInteger, Text, UniqueConstraint, desc, text
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, identity_column, run_id_column, timestamp_column

UNSETTLED = "flow_run_id IS NOT NULL AND settled_at IS NULL"
"""SQL condition: Prefect's terminal state is not confirmed yet."""
UNCLAIMED = "claimed_at IS NULL AND ended_at IS NULL"
"""SQL condition: no worker has claimed the dispatch, and it is not closed."""


class DispatchTable(TableBase, table=True):
    """A dispatch of a run and its flow run in Prefect. `lost`: its lease expired. `settled_at`: the flow run's state is terminal too."""

    __tablename__ = "dispatch"
    __table_args__: ClassVar[Any] = (
        Index("ix_dispatch_unsettled", "requested_at", postgresql_where=text(UNSETTLED)),
        Index("ix_dispatch_unclaimed", "pool", desc("priority"), "requested_at", "run_id", postgresql_where=text(UNCLAIMED)),
    )
    run_id: int = Field(sa_column=run_id_column())
    epoch: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    pool: str = Field(sa_column=Column(Text, nullable=False))
    requested_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    priority: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    claimed_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    ended_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    holder: str | None = Field(default=None, sa_column=Column(Text))
    lost: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    flow_run_id: str | None = Field(default=None, sa_column=Column(Text, index=True))
    settled_at: datetime | None = Field(default=None, sa_column=timestamp_column())


class LeaseTable(TableBase, table=True):
    """The worker that holds a run's dispatch, until `expires_at`.

    Rows are narrow, pages have spare room and the expiry has no index, so that a renewal updates the row in place.
    """

    __tablename__ = "lease"
    __table_args__: ClassVar[Any] = ({"postgresql_with": {"fillfactor": 70}},)
    run_id: int = Field(sa_column=run_id_column())
    epoch: int = Field(sa_column=Column(Integer, nullable=False))
    worker: str = Field(sa_column=Column(Text, nullable=False))
    expires_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class OutboxTable(TableBase, table=True):
    """A dispatch to be sent to Prefect. A relay leases a row by moving `due_at` into the future; `last_error` is the last failure.

    `quarantined_at`: when Prefect had rejected the dispatch so often that the relay retries it rarely.
    """

    __tablename__ = "outbox"
    __table_args__: ClassVar[Any] = (UniqueConstraint("run_id", "epoch"),)
    id: int | None = Field(default=None, sa_column=identity_column())
    run_id: int = Field(sa_column=run_id_column(primary_key=False))
    epoch: int = Field(sa_column=Column(Integer, nullable=False))
    pool: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    due_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=False, index=True, server_default=text("clock_timestamp()"))
    )
    relay: str | None = Field(default=None, sa_column=Column(Text))
    tries: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    last_error: str | None = Field(default=None, sa_column=Column(Text))
    quarantined_at: datetime | None = Field(default=None, sa_column=timestamp_column())


dispatch = get_table(DispatchTable)
lease = get_table(LeaseTable)
outbox = get_table(OutboxTable)
