"""Events of pipelines and schedules as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, identity_column, timestamp_column
from adapters.persistence.tables.xid8 import Xid8


class SiteEventTable(TableBase, table=True):
    """An event that belongs to no run. `xid` is the transaction that wrote it, from which the change feed makes its cursor.

    There is no foreign key: events of a deleted pipeline stay until retention deletes them.
    """

    __tablename__ = "site_event"
    __table_args__: ClassVar[Any] = (Index("ix_site_event_at", "at", postgresql_using="brin"),)
    id: int | None = Field(default=None, sa_column=identity_column())
    at: datetime = Field(sa_column=timestamp_column(nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    actor: str | None = Field(default=None, sa_column=Column(Text))
    data: Any = Field(sa_column=Column(JSONB, nullable=False))
    xid: str | None = Field(default=None, sa_column=Column(Xid8, nullable=False, index=True, server_default=text("pg_current_xact_id()")))


site_event = get_table(SiteEventTable)
