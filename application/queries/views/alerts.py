"""Read models of alerts: incidents, deliveries, channels, rules and silences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.alerts.channel import ChannelKind
from domain.alerts.channel_uses import ChannelUses
from domain.alerts.delivery import DeliveryState, HeldBy
from domain.alerts.incident import IncidentKind, IncidentState, Resolution
from domain.alerts.incident_entry import IncidentEntryKind
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent, AlertRule


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with the names of its pipeline and channel and the numbers of its runs. `rule` is the key of its rule.

    A number is None if the run was deleted.
    """

    id: int
    kind: IncidentKind
    pipeline_id: int | None
    pipeline: str | None
    channel: str | None
    rule: str
    concurrency_key: str
    event: AlertEvent | None
    state: IncidentState
    summary: str
    opened_at: datetime
    last_seen_at: datetime | None = None
    first_run_id: int | None = None
    first_run_number: int | None = None
    last_run_id: int | None = None
    last_run_number: int | None = None
    repeats: int = 0
    unstable: bool = False
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: Resolution | None = None
    group_id: int | None = None


@dataclass(frozen=True, slots=True)
class IncidentEntryView:
    """An entry of an incident's timeline."""

    at: datetime
    kind: IncidentEntryKind
    actor: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery with the subject of its message and the name of its channel. `incident_id` is None if it belongs to no incident."""

    id: int
    incident_id: int | None
    message_kind: MessageKind
    subject: str
    channel: str
    state: DeliveryState
    due_at: datetime
    tries: int = 0
    last_error: str | None = None
    sent_at: datetime | None = None
    held_by: HeldBy | None = None


@dataclass(frozen=True, slots=True)
class IncidentDetailView:
    """An incident with its timeline, oldest entry first, and its deliveries, oldest first: the first 200 of each."""

    incident: IncidentView
    timeline: Sequence[IncidentEntryView]
    deliveries: Sequence[DeliveryView]


@dataclass(frozen=True, slots=True)
class OpenIncidentsView:
    """What needs attention. `count` is the number of open incidents, `first` are the newest of them.

    Acknowledged incidents are not open, and a snoozed one is open again after its time. `broken_channels` are the names of channels with
    an unresolved incident.
    """

    count: int = 0
    first: Sequence[IncidentView] = ()
    broken_channels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel without its settings. `waiting` and `dead` count its deliveries: those to be sent, and those that were given up."""

    id: int
    name: str
    kind: ChannelKind
    summary: str
    created_at: datetime
    created_by: str | None
    fallback: str | None = None
    drill: bool = False
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    proved_at: datetime | None = None
    proved_seconds: float | None = None
    waiting: int = 0
    dead: int = 0
    used_by: ChannelUses = field(default_factory=ChannelUses)


@dataclass(frozen=True, slots=True)
class SilenceView:
    """A silence with the name of its pipeline. `ended_at` and `ended_by` are set if a person ended it early."""

    id: int
    pipeline_id: int | None
    pipeline: str | None
    tag: str | None
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_by: str | None
    created_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class AlertRuleView:
    """A site rule."""

    id: int
    name: str
    rule: AlertRule
    tags: tuple[str, ...]
    created_at: datetime
    created_by: str | None
