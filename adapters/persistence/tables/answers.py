"""Stored answers, to reports with an event id and to requests with an Idempotency-Key, and the last reports of reporters."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, run_id_column, timestamp_column


class ReportReceiptTable(TableBase, table=True):
    """The stored result of a report that had an event id. `reporter` is '' if the report names none."""

    __tablename__ = "report_receipt"
    __table_args__: ClassVar[Any] = (Index("ix_report_receipt_created_at", "created_at", postgresql_using="brin"),)
    run_id: int = Field(sa_column=run_id_column())
    reporter: str = Field(sa_column=Column(Text, primary_key=True))
    event_id: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer: Any = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class IdempotencyTable(TableBase, table=True):
    """The stored answer to a request with an Idempotency-Key. It is NULL until the request that inserted the row has finished."""

    __tablename__ = "idempotency"
    __table_args__: ClassVar[Any] = (Index("ix_idempotency_created_at", "created_at", postgresql_using="brin"),)
    scope: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class ReporterSeqTable(TableBase, table=True):
    """The highest `seq` of a reporter's reports on a run."""

    __tablename__ = "reporter_seq"
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    reporter: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))


class PipelineReporterTable(TableBase, table=True):
    """A reporter's last report on a pipeline that names no run, and its highest `seq`. `reporter` is '' for anonymous reporters."""

    __tablename__ = "pipeline_reporter"
    __table_args__: ClassVar[Any] = (Index("ix_pipeline_reporter_reported_at", "reported_at", postgresql_using="brin"),)
    pipeline_id: int = Field(sa_column=Column(BigInteger, ForeignKey("pipeline.id"), primary_key=True, autoincrement=False))
    reporter: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    run_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    seq: int | None = Field(default=None, sa_column=Column(BigInteger))
    reported_at: datetime = Field(sa_column=timestamp_column(nullable=False))


idempotency = get_table(IdempotencyTable)
pipeline_reporter = get_table(PipelineReporterTable)
report_receipt = get_table(ReportReceiptTable)
reporter_seq = get_table(ReporterSeqTable)
