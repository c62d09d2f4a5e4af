"""Dispatches and what carries them: leases, the outbox, workers; and the memory of reports that were answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, identity_column, timestamp_column

UNSETTLED = "flow_run_id IS NOT NULL AND settled_at IS NULL"
UNCLAIMED = "claimed_at IS NULL AND ended_at IS NULL"


def _run_id(primary_key: bool = True) -> Column[int]:
    return Column(BigInteger, ForeignKey("run.id"), primary_key=primary_key, nullable=False, autoincrement=False)


class DispatchRow(TableBase, table=True):
    """One dispatch of a run and its place in Prefect. `lost`: its lease ran out; `settled_at`: Prefect's state of it is terminal too."""

    __tablename__ = "dispatch"
    __table_args__: ClassVar[Any] = (
        Index("ix_dispatch_unsettled", "requested_at", postgresql_where=text(UNSETTLED)),
        Index("ix_dispatch_requested", "pool", "requested_at", postgresql_where=text(UNCLAIMED)),
    )
    run_id: int = Field(sa_column=_run_id())
    epoch: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    pool: str = Field(sa_column=Column(Text, nullable=False))
    requested_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    claimed_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    ended_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    holder: str | None = Field(default=None, sa_column=Column(Text))
    lost: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    flow_run_id: str | None = Field(default=None, sa_column=Column(Text, index=True))
    settled_at: datetime | None = Field(default=None, sa_column=timestamp_column())


class LeaseTable(TableBase, table=True):
    """Who carries a run's dispatch until when. Narrow, room left on its pages and no index on the expiry: a renewal stays in place."""

    __tablename__ = "lease"
    __table_args__: ClassVar[Any] = ({"postgresql_with": {"fillfactor": 70}},)
    run_id: int = Field(sa_column=_run_id())
    epoch: int = Field(sa_column=Column(Integer, nullable=False))
    worker: str = Field(sa_column=Column(Text, nullable=False))
    expires_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class OutboxTable(TableBase, table=True):
    """A dispatch that Prefect must be told of. Leasing a row moves `due_at` on; `last_error` is the sentence of the last failure.

    `quarantined_at`: Prefect refused it so often that it is left alone for a time.
    """

    __tablename__ = "outbox"
    __table_args__: ClassVar[Any] = (UniqueConstraint("run_id", "epoch"),)
    id: int | None = Field(default=None, sa_column=identity_column())
    run_id: int = Field(sa_column=_run_id(primary_key=False))
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


class ReportReceiptTable(TableBase, table=True):
    """The stored answer to a report that had an event id; `reporter` is '' when nobody is named."""

    __tablename__ = "report_receipt"
    __table_args__: ClassVar[Any] = (Index("ix_report_receipt_created_at", "created_at", postgresql_using="brin"),)
    run_id: int = Field(sa_column=_run_id())
    reporter: str = Field(sa_column=Column(Text, primary_key=True))
    event_id: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer: Any = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class IdempotencyTable(TableBase, table=True):
    """The stored answer to a request that had an Idempotency-Key; none yet while the request that made the row is under way."""

    __tablename__ = "idempotency"
    __table_args__: ClassVar[Any] = (Index("ix_idempotency_created_at", "created_at", postgresql_using="brin"),)
    scope: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class ReporterSeqTable(TableBase, table=True):
    """The highest `seq` of a reporter that was judged for a run."""

    __tablename__ = "reporter_seq"
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    reporter: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))


class WorkerTable(TableBase, table=True):
    """A worker process as it last spoke."""

    __tablename__ = "worker"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    pool: str = Field(sa_column=Column(Text, nullable=False))
    slots: int = Field(sa_column=Column(Integer, nullable=False))
    free: int = Field(sa_column=Column(Integer, nullable=False))
    version: str = Field(sa_column=Column(Text, nullable=False))
    seen_at: datetime = Field(sa_column=timestamp_column(nullable=False))


dispatch = get_table(DispatchRow)
idempotency = get_table(IdempotencyTable)
lease = get_table(LeaseTable)
outbox = get_table(OutboxTable)
report_receipt = get_table(ReportReceiptTable)
reporter_seq = get_table(ReporterSeqTable)
worker = get_table(WorkerTable)
