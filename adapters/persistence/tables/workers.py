"""Worker processes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Integer, Text
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, timestamp_column


class WorkerTable(TableBase, table=True):
    """A worker process as of its last message."""

    __tablename__ = "worker"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    pool: str = Field(sa_column=Column(Text, nullable=False))
    slots: int = Field(sa_column=Column(Integer, nullable=False))
    free: int = Field(sa_column=Column(Integer, nullable=False))
    version: str = Field(sa_column=Column(Text, nullable=False))
    seen_at: datetime = Field(sa_column=timestamp_column(nullable=False))


worker = get_table(WorkerTable)
