"""Opens an incident for a channel that does not work, and resolves it once a message arrives again."""

from datetime import datetime
from typing import Final

from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.alerts.message_facts import MessageFacts
from application.services.alerts.planned_messages import PlannedMessages
from application.services.messages.plain_text import shorten
from domain.alerts.channel import Channel
from domain.alerts.incident import Incident, IncidentKind, Resolution
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.message import MessageKind
from domain.site_events import SiteEvent, SiteEventType

MAX_SUMMARY_LENGTH: Final = 300


async def open_channel_incident(work: UnitOfWork, channel: Channel, reason: str, planned: PlannedMessages, now: datetime) -> None:
    """Open an incident for a locked channel unless it has one, and report it to the channel's fallback."""
    if await work.incidents.lock_unresolved_of_channel(channel.id) is not None:
        return
    summary = shorten(reason, MAX_SUMMARY_LENGTH)
    new = Incident(0, IncidentKind.CHANNEL, now, summary, channel_id=channel.id, last_seen_at=now)
    [incident] = await work.incidents.add([new])
    await _record(work, incident, IncidentEntryKind.OPENED, now)
    fallback = await work.channels.find(channel.fallback) if channel.fallback else None
    if fallback is not None:
        _plan(planned, MessageKind.OPENED, incident, channel, [fallback.id])


async def resolve_channel_incident(work: UnitOfWork, channel: Channel, planned: PlannedMessages, now: datetime) -> bool:
    """Resolve the channel's incident, if it has one, and report that where the opening arrived. Return True if it had one."""
    incident = await work.incidents.lock_unresolved_of_channel(channel.id)
    if incident is None:
        return False
    resolved = incident.resolve(Resolution.CHANNEL_WORKS, now)
    await work.incidents.save([resolved])
    await _record(work, resolved, IncidentEntryKind.RESOLVED, now)
    sent = (await work.deliveries.find_sent_channels([resolved.id])).get(resolved.id, {})
    _plan(planned, MessageKind.RECOVERED, resolved, channel, list(sent))
    return True


async def _record(work: UnitOfWork, incident: Incident, kind: IncidentEntryKind, now: datetime) -> None:
    data = {"reason": incident.summary} if kind is IncidentEntryKind.OPENED else {"resolution": Resolution.CHANNEL_WORKS.value}
    await work.incidents.add_entries([IncidentEntry(incident.id, now, kind, data=data)])
    event = {"id": incident.id, "state": incident.state.value, "change": kind.value}
    await work.site_events.add([SiteEvent(SiteEventType.INCIDENT_CHANGED, now, data=event)])


def _plan(planned: PlannedMessages, kind: MessageKind, incident: Incident, channel: Channel, channel_ids: list[int]) -> None:
    word = "delivers again" if kind is MessageKind.RECOVERED else "does not deliver"
    planned.add(kind, MessageFacts(channel=channel.name), f"Channel {channel.name} {word}", channel_ids, incident_id=incident.id)
