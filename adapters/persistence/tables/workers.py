"""Worker processes, and the workers that have used a worker token."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Text
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, timestamp_column


class WorkerTable(TableBase, table=True):
    """A worker process as of its last message. `token_id` is NULL if its token is derived from HEADGATE_SECRET."""

    __tablename__ = "worker"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    pool: str = Field(sa_column=Column(Text, nullable=False))
    slots: int = Field(sa_column=Column(Integer, nullable=False))
    free: int = Field(sa_column=Column(Integer, nullable=False))
    version: str = Field(sa_column=Column(Text, nullable=False))
    seen_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    token_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("api_token.id")))


class TokenWorkerTable(TableBase, table=True):
    """A worker name that has used a worker token. `used_at` and `address` are of its newest registration."""

    __tablename__ = "token_worker"
    token_id: int = Field(sa_column=Column(BigInteger, ForeignKey("api_token.id"), primary_key=True, autoincrement=False))
    name: str = Field(sa_column=Column(Text, primary_key=True))
    first_used_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    used_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    address: str | None = Field(default=None, sa_column=Column(Text))


worker = get_table(WorkerTable)
token_worker = get_table(TokenWorkerTable)
