"""Log lines, and the counters whose row locks keep them in order."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table
from adapters.persistence.tables.xid8 import Xid8


class LogLineTable(TableBase, table=True):
    """Line `n` of a run, unique by the counter's row lock. `stream` is stdout, stderr, or headgate for lines that Headgate adds.

    `is_order_approximate` is NULL for most lines, which takes no space.
    """

    __tablename__ = "log_line"
    __table_args__: ClassVar[Any] = (
        Index("ix_log_line_of_stage", "run_id", "stage", "n"),
        {"postgresql_partition_by": "RANGE (at)"},
    )
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    n: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    stage: str = Field(sa_column=Column(Text, nullable=False))
    attempt: int = Field(sa_column=Column(Integer, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    stream: str = Field(sa_column=Column(Text, nullable=False))
    text: str = Field(sa_column=Column(Text, nullable=False))
    is_order_approximate: bool | None = Field(default=None, sa_column=Column(Boolean, nullable=True))


class LogProgressTable(TableBase, table=True):
    """The state of an attempt's log: the next index, the stored bytes, and whether the head is full. Each append locks the row.

    `unfinished` has the version and the lines, as [time, stream, text], of what was printed without its line end.
    """

    __tablename__ = "log_progress"
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    stage: str = Field(sa_column=Column(Text, primary_key=True))
    attempt: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    next_index: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    bytes: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    cut: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    unfinished: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))


class LogCounterTable(TableBase, table=True):
    """The number of lines of a run. `xid` is the last transaction that added lines, for the change feed."""

    __tablename__ = "log_counter"
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    last_n: int = Field(sa_column=Column(BigInteger, nullable=False))
    xid: str | None = Field(default=None, sa_column=Column(Xid8, nullable=False, index=True, server_default=text("pg_current_xact_id()")))


log_line = get_table(LogLineTable)
log_progress = get_table(LogProgressTable)
log_counter = get_table(LogCounterTable)
