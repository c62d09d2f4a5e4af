"""The positions of event sinks in the change feed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, DateTime, Integer, Text, text
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table


class SinkPositionTable(TableBase, table=True):
    """The position of an event sink (`audience`). Process `teller` leases it until `due_at`; `last_error` is the last failure."""

    __tablename__ = "announcement_position"
    audience: str = Field(sa_column=Column(Text, primary_key=True))
    cursor: str | None = Field(default=None, sa_column=Column(Text))
    teller: str | None = Field(default=None, sa_column=Column(Text))
    due_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))
    )
    tries: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    last_error: str | None = Field(default=None, sa_column=Column(Text))


announcement_position = get_table(SinkPositionTable)
