"""Words and marks of incidents, deliveries and alert rules."""

from typing import Final

from domain.alerts.delivery import DeliveryState
from domain.alerts.incident import IncidentState, Resolution
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent
from entrypoints.web.view_models.formatting import StatusLabel

INCIDENT_LABELS: Final = {
    IncidentState.OPEN: StatusLabel("open", "Open"),
    IncidentState.ACKNOWLEDGED: StatusLabel("acknowledged", "Acknowledged"),
    IncidentState.SNOOZED: StatusLabel("snoozed", "Snoozed"),
    IncidentState.RESOLVED: StatusLabel("completed", "Resolved"),
}
DELIVERY_LABELS: Final = {
    DeliveryState.SCHEDULED: StatusLabel("due", "Waiting"),
    DeliveryState.SENT: StatusLabel("completed", "Sent"),
    DeliveryState.DEAD: StatusLabel("failed", "Not delivered"),
    DeliveryState.DROPPED: StatusLabel("skipped", "Not sent"),
}
EVENT_WORDS: Final = {
    AlertEvent.FAILED: "failed",
    AlertEvent.LOST: "lost",
    AlertEvent.CANCELLED: "cancelled",
    AlertEvent.COMPLETED: "completed",
    AlertEvent.RECOVERED: "recovered",
    AlertEvent.MISSED: "missed",
    AlertEvent.LATE: "late",
    AlertEvent.OVERRUN: "overrun",
    AlertEvent.WAITING: "waiting for approval",
}
MESSAGE_WORDS: Final = {
    MessageKind.OPENED: "Opened",
    MessageKind.ESCALATED: "Escalation",
    MessageKind.REMINDER: "Reminder",
    MessageKind.UNSTABLE: "Unstable",
    MessageKind.GROUPED: "Group",
    MessageKind.RECOVERED: "Recovered",
    MessageKind.NOTICE: "Notice",
    MessageKind.DIGEST: "Digest",
    MessageKind.TEST: "Test",
    MessageKind.DRILL: "Drill",
}
RESOLUTION_SENTENCES: Final = {
    Resolution.RECOVERED: "A later run completed.",
    Resolution.RESOLVED: "",
    Resolution.DECIDED: "The approval was decided.",
    Resolution.RULE_REMOVED: "Its rule was removed.",
    Resolution.PIPELINE_ARCHIVED: "The pipeline was archived.",
    Resolution.CHANNEL_WORKS: "The channel delivers again.",
}
