"""Resolve an incident by a person's decision."""

from dataclasses import dataclass

from application.commands.alerts.change_incident import ChangeIncident, IncidentResult
from application.ports.persistence.idempotency import IdempotencyKey
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.alerts.incident import Resolution


@dataclass(frozen=True, slots=True)
class ResolveIncident:
    """Resolve an incident. The next bad run opens a new one. Resolving twice changes nothing.

    Raises NotFound; IdempotencyKeyReused.
    """

    change_incident: ChangeIncident

    async def __call__(self, incident_id: int, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> IncidentResult:
        return await self.change_incident(
            incident_id,
            lambda incident, person, now: incident if incident.is_resolved else incident.resolve(Resolution.RESOLVED, now, person),
            AuditAction.INCIDENT_RESOLVED,
            actor,
            key,
        )
