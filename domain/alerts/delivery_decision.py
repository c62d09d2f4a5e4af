"""What to do with a delivery that is due: send it, hold it back, or drop it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.alerts.delivery import Delivery, HeldBy
from domain.alerts.incident import Incident, IncidentState, Resolution
from domain.alerts.message import MessageKind
from domain.alerts.quiet import find_quiet_end
from domain.alerts.rule import QuietHours
from domain.alerts.silence import Silence, find_silence_end

UNRESOLVED_KINDS: Final = frozenset(
    {MessageKind.OPENED, MessageKind.ESCALATED, MessageKind.GROUPED, MessageKind.REMINDER, MessageKind.UNSTABLE}
)
"""Messages that say that an incident is open. A channel that received one of them also gets the recovery."""
DIGEST_KINDS: Final = frozenset({MessageKind.OPENED, MessageKind.GROUPED})
UNHELD_KINDS: Final = frozenset({MessageKind.TEST, MessageKind.DRILL})
SILENT_RESOLUTIONS: Final = frozenset({Resolution.RULE_REMOVED, Resolution.PIPELINE_ARCHIVED})
"""Ends of incidents that no message reports."""
_HOLD_NAMES: Final = {"quiet": "quiet hours", "silence": "a silence"}


class Action(StrEnum):
    """What to do with a delivery."""

    SEND = "send"
    HOLD = "hold"
    """Decide again at `until`, when quiet hours or a silence end."""
    POSTPONE = "postpone"
    """Decide again at `until`."""
    DROP = "drop"
    DIGEST = "digest"
    """Drop it, and mention its incident in the digest."""


@dataclass(frozen=True, slots=True)
class Decision:
    action: Action
    reason: str = ""
    until: datetime | None = None
    held_by: HeldBy | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision depends on.

    `is_resolved` is True if the incident is resolved and, if its message reports a group, all incidents of the group are. `channel` is
    the channel's name.
    """

    kind: MessageKind
    channel: str
    now: datetime
    incident: Incident | None = None
    is_resolved: bool = False
    pipeline_id: int | None = None
    tags: Sequence[str] = ()
    quiet: QuietHours | None = None
    silences: Sequence[Silence] = ()


def decide_delivery(delivery: Delivery, situation: Situation, *, was_interrupted: bool = False) -> Decision:
    """Decide about a delivery that is due.

    With `was_interrupted` a process ended while it sent the delivery. The message may have arrived, so it is sent again even if the
    incident is resolved now: the recovery that follows would be hard to understand without it.
    """
    if situation.kind in UNHELD_KINDS:
        return Decision(Action.SEND)
    if situation.is_resolved and situation.kind in UNRESOLVED_KINDS and not was_interrupted:
        return _decide_resolved(delivery, situation)
    attended = _decide_attended(delivery, situation) if situation.kind in UNRESOLVED_KINDS and not situation.is_resolved else None
    return attended or _find_hold(situation) or Decision(Action.SEND)


def _decide_resolved(delivery: Delivery, situation: Situation) -> Decision:
    is_silent = situation.incident is not None and situation.incident.resolution in SILENT_RESOLUTIONS
    if delivery.held_by is not None and situation.kind in DIGEST_KINDS and not is_silent:
        hold = _HOLD_NAMES[delivery.held_by]
        return Decision(Action.DIGEST, f"Not sent: the incident was opened and resolved during {hold}. The digest lists it.")
    return Decision(Action.DROP, "Not sent: the incident was resolved first.")


def _decide_attended(delivery: Delivery, situation: Situation) -> Decision | None:
    """Return None if the message is of use now. A snooze postpones it; an acknowledgement drops it, if it is for open incidents only."""
    incident = situation.incident
    if incident is None:
        return None
    if incident.state is IncidentState.SNOOZED and incident.snoozed_until is not None and incident.snoozed_until > situation.now:
        return Decision(Action.POSTPONE, until=incident.snoozed_until)
    if incident.state is IncidentState.ACKNOWLEDGED and delivery.only_if == "open":
        return Decision(Action.DROP, f"Not sent: {incident.acknowledged_by or 'a user'} acknowledged the incident first.")
    return None


def _find_hold(situation: Situation) -> Decision | None:
    until = find_silence_end(situation.silences, situation.pipeline_id, situation.tags, situation.now)
    if until is not None:
        return Decision(Action.HOLD, until=until, held_by="silence")
    if situation.quiet is not None and situation.channel not in situation.quiet.exempt:
        until = find_quiet_end(situation.quiet, situation.now)
        if until is not None:
            return Decision(Action.HOLD, until=until, held_by="quiet")
    return None
