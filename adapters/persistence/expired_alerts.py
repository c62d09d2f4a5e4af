"""Conditions of the rows of alerts that retention deletes."""

from __future__ import annotations

from typing import Final

_INCIDENTS = "SELECT id FROM incident WHERE resolved_at < :before"
_MESSAGES = """
SELECT id FROM alert_message WHERE incident_id IS NULL AND at < :before
AND NOT EXISTS (SELECT FROM delivery WHERE message_id = alert_message.id AND state = 'scheduled')
"""
_DELIVERIES = (
    f"SELECT id FROM delivery WHERE incident_id IN ({_INCIDENTS}) UNION ALL SELECT id FROM delivery WHERE message_id IN ({_MESSAGES})"
)
_REFERENCES = "SELECT FROM {0} WHERE channel_id = channel.id"

EXPIRED_ALERTS: Final = (
    ("delivery_link_use", f"delivery_id IN ({_DELIVERIES})"),
    ("delivery", f"id IN ({_DELIVERIES})"),
    ("alert_message", f"incident_id IN ({_INCIDENTS})"),
    ("alert_message", f"id IN ({_MESSAGES})"),
    ("incident_entry", f"incident_id IN ({_INCIDENTS})"),
    ("incident", "resolved_at < :before"),
    ("silence", "ends_at < :before"),
    (
        "channel",
        f"deleted_at < :before AND NOT EXISTS ({_REFERENCES.format('delivery')}) AND NOT EXISTS ({_REFERENCES.format('incident')})",
    ),
)
"""Tables and conditions, in an order in which no row is found later only by one that is deleted already."""
