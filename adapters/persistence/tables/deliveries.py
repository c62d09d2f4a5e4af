"""Messages of alerts and their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, enum_check, get_table, identity_column, timestamp_column
from domain.alerts.delivery import DeliveryState
from domain.alerts.message import MessageKind

IS_SCHEDULED = "state = 'scheduled'"
"""SQL condition of deliveries that are not over, as in their partial indexes."""


class AlertMessageTable(TableBase, table=True):
    """What a message says. `incident_id` is NULL for a message about no incident, `pipeline_id` for one about no pipeline."""

    __tablename__ = "alert_message"
    __table_args__: ClassVar[Any] = (
        enum_check("kind", MessageKind),
        Index("ix_alert_message_incident_id", "incident_id", postgresql_where=text("incident_id IS NOT NULL")),
        Index("ix_alert_message_pipeline_id", "pipeline_id", postgresql_where=text("pipeline_id IS NOT NULL")),
        Index("ix_alert_message_at", "at", postgresql_where=text("incident_id IS NULL")),
    )
    id: str = Field(sa_column=Column(Text, primary_key=True))
    incident_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    content: Any = Field(sa_column=Column(JSONB, nullable=False))
    at: datetime = Field(sa_column=timestamp_column(nullable=False))


class DeliveryTable(TableBase, table=True):
    """A message on its way to a channel. `kind` and `pipeline_id` are those of the message.

    A process that sends it has it leased until `leased_until`, by the database's clock.
    """

    __tablename__ = "delivery"
    __table_args__: ClassVar[Any] = (
        enum_check("kind", MessageKind),
        enum_check("state", DeliveryState),
        CheckConstraint("held_by IS NULL OR held_by IN ('quiet', 'silence')", name="held_by"),
        CheckConstraint("only_if IS NULL OR only_if IN ('open')", name="only_if"),
        Index("ix_delivery_due", "channel_id", "due_at", "id", postgresql_where=text(IS_SCHEDULED)),
        Index("ix_delivery_leased", "channel_id", "leased_until", postgresql_where=text(f"{IS_SCHEDULED} AND leased_until IS NOT NULL")),
        Index("ix_delivery_held", "held_by", "due_at", postgresql_where=text(f"{IS_SCHEDULED} AND held_by IS NOT NULL")),
        Index("ix_delivery_channel_id_id", "channel_id", "id"),
        Index("ix_delivery_dead", "channel_id", postgresql_where=text("state = 'dead'")),
        Index("ix_delivery_drill", "channel_id", "id", postgresql_where=text("kind = 'drill'")),
        Index("ix_delivery_incident_id", "incident_id", "id", postgresql_where=text("incident_id IS NOT NULL")),
        Index("ix_delivery_message_id", "message_id"),
        Index("ix_delivery_pipeline_id", "pipeline_id", postgresql_where=text("pipeline_id IS NOT NULL")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    message_id: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    incident_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    channel_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    due_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    tries: int = Field(sa_column=Column(Integer, nullable=False))
    last_error: str | None = Field(default=None, sa_column=Column(Text))
    first_tried_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    sent_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    held_by: str | None = Field(default=None, sa_column=Column(Text))
    only_if: str | None = Field(default=None, sa_column=Column(Text))
    leased_until: datetime | None = Field(default=None, sa_column=timestamp_column())


class DeliveryLinkUseTable(TableBase, table=True):
    """An action whose link in a message was used. `pipeline_id` is that of the delivery."""

    __tablename__ = "delivery_link_use"
    __table_args__: ClassVar[Any] = (
        Index("ix_delivery_link_use_pipeline_id", "pipeline_id", postgresql_where=text("pipeline_id IS NOT NULL")),
    )
    delivery_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    action: str = Field(sa_column=Column(Text, primary_key=True))
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger))
    used_at: datetime = Field(sa_column=timestamp_column(nullable=False))


alert_message = get_table(AlertMessageTable)
delivery = get_table(DeliveryTable)
delivery_link_use = get_table(DeliveryLinkUseTable)
