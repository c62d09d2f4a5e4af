"""Reads deliveries with the subjects of their messages."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from adapters.persistence.tables.channels import channel
from adapters.persistence.tables.deliveries import alert_message, delivery
from application.queries.views.alerts import DeliveryView
from domain.alerts.delivery import DeliveryState
from domain.alerts.message import MessageKind

DELIVERIES = (
    select(
        *delivery.c,
        func.coalesce(alert_message.c.content["subject"].astext, "").label("subject"),
        channel.c.name.label("channel"),
    )
    .join(alert_message, alert_message.c.id == delivery.c.message_id)
    .join(channel, channel.c.id == delivery.c.channel_id)
)


def to_delivery_view(row: Any) -> DeliveryView:
    """Return the view of a row of DELIVERIES."""
    return DeliveryView(
        row.id,
        row.incident_id,
        MessageKind(row.kind),
        row.subject,
        row.channel,
        DeliveryState(row.state),
        row.due_at,
        row.tries,
        row.last_error,
        row.sent_at,
        row.held_by,
    )
