"""Acknowledge an incident."""

from dataclasses import dataclass

from application.commands.alerts.change_incident import ChangeIncident, IncidentResult
from application.ports.persistence.idempotency import IdempotencyKey
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction


@dataclass(frozen=True, slots=True)
class AcknowledgeIncident:
    """Record that a person takes care of an incident. It stops escalations and reminders. Acknowledging twice changes nothing.

    Raises NotFound; Conflict `incident_resolved`; IdempotencyKeyReused.
    """

    change_incident: ChangeIncident

    async def __call__(self, incident_id: int, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> IncidentResult:
        return await self.change_incident(
            incident_id,
            lambda incident, person, now: incident.acknowledge(person, now),
            AuditAction.INCIDENT_ACKNOWLEDGED,
            actor,
            key,
        )
