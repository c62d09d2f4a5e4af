"""Incidents, their timelines, and what rules remember of past runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, enum_check, get_table, identity_column, timestamp_column
from domain.alerts.incident import IncidentKind, IncidentState, Resolution
from domain.alerts.incident_entry import IncidentEntryKind
from domain.alerts.rule import AlertEvent

IS_UNRESOLVED = "resolved_at IS NULL"
"""SQL condition of unresolved incidents, as in their partial indexes."""
THE_POSITION = 1
"""The id of the only row of `alert_position`."""


class AlertPositionTable(TableBase, table=True):
    """The cursor of the change feed up to which runs were judged. Its only row is locked by the process that judges."""

    __tablename__ = "alert_position"
    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    cursor: str | None = Field(default=None, sa_column=Column(Text))


class AlertRuleStateTable(TableBase, table=True):
    """What a rule remembers of the last runs of a pipeline. Written only under the lock of the position."""

    __tablename__ = "alert_rule_state"
    pipeline_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    rule_key: str = Field(sa_column=Column(Text, primary_key=True))
    concurrency_key: str = Field(sa_column=Column(Text, primary_key=True))
    outcomes: str = Field(sa_column=Column(Text, nullable=False))


class IncidentTable(TableBase, table=True):
    """An incident of a pipeline or a channel. There are no foreign keys: rows are written under locks, and removed with the pipeline."""

    __tablename__ = "incident"
    __table_args__: ClassVar[Any] = (
        enum_check("kind", IncidentKind),
        enum_check("event", AlertEvent, nullable=True),
        enum_check("state", IncidentState),
        enum_check("resolution", Resolution, nullable=True),
        Index(
            "uq_incident_unresolved",
            "pipeline_id",
            "rule_key",
            "concurrency_key",
            unique=True,
            postgresql_where=text(f"pipeline_id IS NOT NULL AND {IS_UNRESOLVED}"),
        ),
        Index(
            "uq_incident_unresolved_of_channel",
            "channel_id",
            unique=True,
            postgresql_where=text(f"channel_id IS NOT NULL AND {IS_UNRESOLVED}"),
        ),
        Index("ix_incident_unresolved", "id", postgresql_where=text(IS_UNRESOLVED)),
        Index("ix_incident_pipeline_id_id", "pipeline_id", "id"),
        Index("ix_incident_pipeline_id_last_run_id", "pipeline_id", "last_run_id"),
        Index("ix_incident_cause", "cause", "opened_at", postgresql_where=text("cause IS NOT NULL")),
        Index("ix_incident_opened_at", "opened_at"),
        Index("ix_incident_group_id", "group_id", postgresql_where=text("group_id IS NOT NULL")),
        Index("ix_incident_resolved_at", "resolved_at", postgresql_where=text("resolved_at IS NOT NULL")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    kind: str = Field(sa_column=Column(Text, nullable=False))
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    channel_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    rule_key: str = Field(sa_column=Column(Text, nullable=False))
    concurrency_key: str = Field(sa_column=Column(Text, nullable=False))
    event: str | None = Field(default=None, sa_column=Column(Text))
    cause: str | None = Field(default=None, sa_column=Column(Text))
    state: str = Field(sa_column=Column(Text, nullable=False))
    summary: str = Field(sa_column=Column(Text, nullable=False))
    opened_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    first_run_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    last_run_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    repeats: int = Field(sa_column=Column(Integer, nullable=False))
    last_seen_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    unstable: bool = Field(sa_column=Column(Boolean, nullable=False))
    acknowledged_by: str | None = Field(default=None, sa_column=Column(Text))
    acknowledged_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    snoozed_until: datetime | None = Field(default=None, sa_column=timestamp_column())
    resolved_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    resolved_by: str | None = Field(default=None, sa_column=Column(Text))
    resolution: str | None = Field(default=None, sa_column=Column(Text))
    group_id: int | None = Field(default=None, sa_column=Column(BigInteger))


class IncidentEntryTable(TableBase, table=True):
    """An entry of an incident's timeline. `pipeline_id` is that of the incident, so that the rows are removed with the pipeline."""

    __tablename__ = "incident_entry"
    __table_args__: ClassVar[Any] = (
        enum_check("kind", IncidentEntryKind),
        Index("ix_incident_entry_incident_id_id", "incident_id", "id"),
        Index("ix_incident_entry_pipeline_id", "pipeline_id"),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    incident_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    at: datetime = Field(sa_column=timestamp_column(nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    actor: str | None = Field(default=None, sa_column=Column(Text))
    data: Any = Field(sa_column=Column(JSONB, nullable=False))


alert_position = get_table(AlertPositionTable)
alert_rule_state = get_table(AlertRuleStateTable)
incident = get_table(IncidentTable)
incident_entry = get_table(IncidentEntryTable)
