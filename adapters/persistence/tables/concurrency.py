"""Concurrency limits, the slots in use and the requests that wait for one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, SmallInteger, Text, desc
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, timestamp_column

OF_RUN = -1
"""The position of a slot that the run as a whole holds."""


class SlotTable(TableBase, table=True):
    """A slot that a run holds, or the stage at `position` in its definition.

    There are no foreign keys: rows are written under the lock of the run's row, and a check would update it again.
    """

    __tablename__ = "slot"
    __table_args__: ClassVar[Any] = (Index("ix_slot_taken", "bucket", "taken_at", "run_id", "position"),)
    bucket: str = Field(sa_column=Column(Text, primary_key=True))
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, index=True))
    position: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    limit_name: str = Field(sa_column=Column(Text, nullable=False))
    taken_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    over_limit: bool = Field(sa_column=Column(Boolean, nullable=False))


class SlotWaitTable(TableBase, table=True):
    """A bucket in which a request waits for a slot. A request has one row for each of its buckets, and gets all of them or none."""

    __tablename__ = "slot_wait"
    __table_args__: ClassVar[Any] = (Index("ix_slot_wait_line", "bucket", desc("priority"), "waits_since", "run_id", "position"),)
    bucket: str = Field(sa_column=Column(Text, primary_key=True))
    run_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, index=True))
    position: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    limit_name: str = Field(sa_column=Column(Text, nullable=False))
    priority: int = Field(sa_column=Column(SmallInteger, nullable=False))
    waits_since: datetime = Field(sa_column=timestamp_column(nullable=False))


class ConcurrencyLimitTable(TableBase, table=True):
    """The value of a limit: of a pipeline's newest revision, or of a group. A limit without a row is unlimited.

    `set_by` is the administrator who set a group's limit; NULL if definitions give it.
    """

    __tablename__ = "concurrency_limit"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger, index=True))
    limit_: int = Field(sa_column=Column(Integer, nullable=False))
    set_by: str | None = Field(default=None, sa_column=Column(Text))
    set_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class GroupUseTable(TableBase, table=True):
    """How a pipeline's newest revision uses a group: with the limit that it gives, by each run, and by how many of its stages."""

    __tablename__ = "group_use"
    group_name: str = Field(sa_column=Column(Text, primary_key=True))
    pipeline_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, index=True))
    limit_: int | None = Field(default=None, sa_column=Column(Integer))
    by_run: bool = Field(sa_column=Column(Boolean, nullable=False))
    stages: int = Field(sa_column=Column(Integer, nullable=False))


slot = get_table(SlotTable)
slot_wait = get_table(SlotWaitTable)
concurrency_limit = get_table(ConcurrencyLimitTable)
group_use = get_table(GroupUseTable)
