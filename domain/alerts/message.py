"""What messages are about."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.alerts.incident import Incident
from domain.alerts.rule import AlertEvent, AlertRule


class MessageKind(StrEnum):
    """Why a message is sent."""

    OPENED = "opened"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    UNSTABLE = "unstable"
    """Runs fail and complete in turn. No other message follows until the incident is resolved."""
    GROUPED = "grouped"
    """Several incidents have one cause."""
    RECOVERED = "recovered"
    NOTICE = "notice"
    """A run completed or recovered, and a rule asks to report it."""
    DIGEST = "digest"
    """Incidents were opened and resolved while messages were held back."""
    TEST = "test"
    DRILL = "drill"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of an incident that calls for messages, or a notice, which has no incident.

    `event` is what happened to the run; None if an incident is resolved for another reason.
    """

    incident: Incident | None
    kind: MessageKind
    rule: AlertRule | None
    pipeline_id: int | None
    run_id: int | None
    at: datetime
    event: AlertEvent | None = None
