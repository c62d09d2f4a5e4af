"""One incident with its timeline and its deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from application.queries.views.alerts import DeliveryView, IncidentDetailView, IncidentEntryView
from domain.alerts.delivery import DeliveryState
from domain.alerts.incident_entry import IncidentEntryKind
from entrypoints.web.view_models.alerts.incident_item import IncidentItem, build_incident_item, describe_rule_key
from entrypoints.web.view_models.alerts.labels import DELIVERY_LABELS, EVENT_WORDS, MESSAGE_WORDS
from entrypoints.web.view_models.formatting import StatusLabel, Timestamp, format_timestamp, pluralize, shorten_json

MAX_REASON_LENGTH: Final = 300
_HOLDS: Final[Mapping[str, str]] = {"quiet": "Held during quiet hours", "silence": "Held by a silence"}
_ENTRIES: Final = {
    IncidentEntryKind.OPENED: ("open", "opened"),
    IncidentEntryKind.REPEATED: ("open", "happened again"),
    IncidentEntryKind.ACKNOWLEDGED: ("acknowledged", "acknowledged"),
    IncidentEntryKind.SNOOZED: ("snoozed", "snoozed"),
    IncidentEntryKind.RESOLVED: ("completed", "resolved"),
    IncidentEntryKind.UNSTABLE: ("lost", "became unstable: its runs alternate between failed and completed"),
    IncidentEntryKind.STABLE: ("completed", "is stable again"),
    IncidentEntryKind.GROUPED: ("queued", "joined a group of incidents with the same cause"),
}
"""The mark and the words for each kind of entry."""


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """What happened to the incident. `text` continues the actor's name, if there is one."""

    at: Timestamp | None
    label: StatusLabel
    actor: str
    text: str
    until: Timestamp | None
    run: str
    run_href: str


@dataclass(frozen=True, slots=True)
class DeliveryItem:
    """A message to a channel. `note` says why it was not sent, or why it waits."""

    id: int
    label: StatusLabel
    kind: str
    subject: str
    incident_id: int | None
    channel: str
    at: Timestamp | None
    is_due: bool
    tries: str
    note: str


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """An incident's page. `run_id` is the run whose error and waterfall it shows."""

    item: IncidentItem
    facts: list[tuple[str, str]]
    timeline: list[TimelineItem]
    deliveries: list[DeliveryItem]
    run_id: int | None


def build_incident_page(detail: IncidentDetailView, now: datetime) -> IncidentPage:
    """Return the page of an incident."""
    incident = detail.incident
    facts = [("Rule", describe_rule_key(incident.rule))] if incident.rule else []
    numbers = {incident.first_run_id: incident.first_run_number, incident.last_run_id: incident.last_run_number}
    if incident.event is not None:
        facts.insert(0, ("Event", EVENT_WORDS[incident.event].capitalize()))
    if incident.concurrency_key:
        facts.append(("Concurrency key", shorten_json(incident.concurrency_key)))
    return IncidentPage(
        item=build_incident_item(incident, now),
        facts=facts,
        timeline=[_build_entry(each, numbers) for each in detail.timeline],
        deliveries=build_delivery_items(detail.deliveries),
        run_id=incident.last_run_id,
    )


def build_delivery_items(deliveries: Sequence[DeliveryView]) -> list[DeliveryItem]:
    """Return the rows of deliveries."""
    return [_build_delivery(each) for each in deliveries]


def _build_entry(entry: IncidentEntryView, numbers: Mapping[int | None, int | None]) -> TimelineItem:
    """Return an entry. `numbers` are those of the incident's first and last run, by id."""
    key, words = _ENTRIES[entry.kind]
    run_id = entry.data.get("run_id")
    number = numbers.get(run_id) if run_id else None
    return TimelineItem(
        at=format_timestamp(entry.at),
        label=StatusLabel(key, words.capitalize()),
        actor=entry.actor or "",
        text=f"{words} it" if entry.actor else words[0].upper() + words[1:],
        until=_parse_until(entry.data),
        run=f"#{number}" if number is not None else f"run {run_id}" if run_id else "",
        run_href=f"/ui/runs/{run_id}" if run_id else "",
    )


def _parse_until(data: Mapping[str, Any]) -> Timestamp | None:
    try:
        return format_timestamp(datetime.fromisoformat(str(data["until"]))) if "until" in data else None
    except ValueError:
        return None


def _build_delivery(delivery: DeliveryView) -> DeliveryItem:
    is_due = delivery.state is DeliveryState.SCHEDULED
    return DeliveryItem(
        id=delivery.id,
        label=DELIVERY_LABELS[delivery.state],
        kind=MESSAGE_WORDS[delivery.message_kind],
        subject=shorten_json(delivery.subject, 160),
        incident_id=delivery.incident_id,
        channel=delivery.channel,
        at=format_timestamp(delivery.due_at if is_due else delivery.sent_at),
        is_due=is_due,
        tries=pluralize(delivery.tries, "try", "tries") if delivery.tries else "",
        note=_describe_delivery(delivery),
    )


def _describe_delivery(delivery: DeliveryView) -> str:
    if delivery.state is DeliveryState.SENT:
        return ""
    if delivery.state is DeliveryState.SCHEDULED and delivery.held_by:
        return _HOLDS[delivery.held_by]
    return shorten_json(delivery.last_error or "", MAX_REASON_LENGTH)
