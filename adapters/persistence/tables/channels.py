"""Channels of alerts, what refers to them, site rules and silences."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, enum_check, get_table, identity_column, timestamp_column
from domain.alerts.channel import ChannelKind


class ChannelTable(TableBase, table=True):
    """A channel with its encrypted settings. The row of a deleted channel stays, without settings, while deliveries refer to it."""

    __tablename__ = "channel"
    __table_args__: ClassVar[Any] = (
        enum_check("kind", ChannelKind),
        Index("uq_channel_name", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    name: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    settings: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    summary: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    created_by: str | None = Field(default=None, sa_column=Column(Text))
    fallback: str | None = Field(default=None, sa_column=Column(Text))
    drill: bool = Field(sa_column=Column(Boolean, nullable=False))
    disabled_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    disabled_reason: str | None = Field(default=None, sa_column=Column(Text))
    proved_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    proved_seconds: float | None = Field(default=None, sa_column=Column(Double))
    deleted_at: datetime | None = Field(default=None, sa_column=timestamp_column())


class ChannelUseTable(TableBase, table=True):
    """A channel to which the rules of a pipeline's newest revision send."""

    __tablename__ = "channel_use"
    __table_args__: ClassVar[Any] = (Index("ix_channel_use_channel", "channel"),)
    pipeline_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    channel: str = Field(sa_column=Column(Text, primary_key=True))


class SiteAlertRuleTable(TableBase, table=True):
    """A rule for all pipelines, or for those with one of the tags. `channels` are those to which it sends."""

    __tablename__ = "site_alert_rule"
    id: int | None = Field(default=None, sa_column=identity_column())
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    rule: Any = Field(sa_column=Column(JSON, nullable=False))
    tags: Any = Field(sa_column=Column(ARRAY(Text), nullable=False))
    channels: Any = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    created_by: str | None = Field(default=None, sa_column=Column(Text))


class SilenceTable(TableBase, table=True):
    """A time in which no messages are sent: about a pipeline, about pipelines with a tag, or about anything.

    `ended_at` is when a person ended it early.
    """

    __tablename__ = "silence"
    __table_args__: ClassVar[Any] = (
        Index("ix_silence_ends_at", "ends_at"),
        Index("ix_silence_pipeline_id", "pipeline_id", postgresql_where=text("pipeline_id IS NOT NULL")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    tag: str | None = Field(default=None, sa_column=Column(Text))
    starts_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    ends_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    created_by: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    ended_by: str | None = Field(default=None, sa_column=Column(Text))


channel = get_table(ChannelTable)
channel_use = get_table(ChannelUseTable)
site_alert_rule = get_table(SiteAlertRuleTable)
silence = get_table(SilenceTable)
