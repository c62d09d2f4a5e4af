"""Plans what follows after a message has arrived at a channel."""

from datetime import datetime, timedelta

from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.alerts.message_facts import MessageFacts
from application.services.alerts.planned_messages import PlannedMessages
from application.services.deliveries.due_deliveries import DueDelivery
from domain.alerts.delivery import DeliveryState
from domain.alerts.delivery_decision import SILENT_RESOLUTIONS, UNRESOLVED_KINDS
from domain.alerts.incident import Incident
from domain.alerts.message import MessageKind

REMINDED_KINDS = UNRESOLVED_KINDS - {MessageKind.UNSTABLE}


async def plan_follow_ups(work: UnitOfWork, due: DueDelivery, planned: PlannedMessages, now: datetime) -> None:
    """Plan the reminder of an incident that is open, or the recovery of one that was resolved while the message was on its way."""
    if due.message.kind not in UNRESOLVED_KINDS or due.message.incident_id is None:
        return
    incident = (await work.incidents.lock([due.message.incident_id])).get(due.message.incident_id)
    if incident is None:
        return
    facts = due.facts
    if not await _is_resolved(work, incident):
        if facts.remind is not None and due.message.kind in REMINDED_KINDS and not await _has_reminder(work, due, incident):
            _plan(due, MessageKind.REMINDER, facts, planned, now + timedelta(seconds=facts.remind))
    elif facts.recovery and incident.resolution not in SILENT_RESOLUTIONS:
        await _plan_recovery(work, due, incident, planned)


async def _is_resolved(work: UnitOfWork, incident: Incident) -> bool:
    if not incident.is_resolved:
        return False
    return not incident.is_first_of_group or (await work.incidents.count_group(incident.id)).unresolved == 0


async def _has_reminder(work: UnitOfWork, due: DueDelivery, incident: Incident) -> bool:
    """Return True if another reminder is planned for the channel."""
    found = await work.deliveries.list_of_incidents([incident.id])
    others = [delivery for kind, delivery in found if kind is MessageKind.REMINDER and delivery.id != due.delivery.id]
    return any(each.channel_id == due.channel.id and each.state is DeliveryState.SCHEDULED for each in others)


async def _plan_recovery(work: UnitOfWork, due: DueDelivery, incident: Incident, planned: PlannedMessages) -> None:
    """Send the recovery that the other channels get, or a new one if none was planned, since no channel had got the incident."""
    found = await work.deliveries.list_of_incidents([incident.id])
    recoveries = [delivery for kind, delivery in found if kind is MessageKind.RECOVERED]
    if any(delivery.channel_id == due.channel.id for delivery in recoveries):
        return
    if recoveries:
        planned.deliver(recoveries[0].message_id, [due.channel.id], incident_id=incident.id)
    else:
        _plan(due, MessageKind.RECOVERED, due.facts, planned, None)


def _plan(due: DueDelivery, kind: MessageKind, facts: MessageFacts, planned: PlannedMessages, due_at: datetime | None) -> None:
    planned.add(
        kind,
        facts,
        str(due.message.content["subject"]),
        [due.channel.id],
        incident_id=due.message.incident_id,
        pipeline_id=due.message.pipeline_id,
        due_at=due_at,
        only_if="open" if kind is MessageKind.REMINDER else None,
    )
