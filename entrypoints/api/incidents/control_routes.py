"""Acknowledge, snooze and resolve incidents."""

from starlette.responses import Response

from application.commands.alerts.change_incident import IncidentResult
from application.ports.queries.reader import Reader
from domain.errors import NotFound
from entrypoints.api.incidents.dependencies import IncidentId
from entrypoints.api.incidents.models import IncidentDetailResponse, SnoozeRequest
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import OPERATE, requires

router = create_router("incidents")
PROBLEMS = (403, 404, 409, 413, 422, 503)


@router.post("/incidents/{incident_id}/acknowledge", summary="Acknowledge an incident", responses=problems(*PROBLEMS))
@requires(OPERATE)
async def acknowledge_incident(
    incident_id: IncidentId, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> IncidentDetailResponse:
    """Record that you are handling it, which stops escalations and reminders. Acknowledging again changes nothing. 409 if it is
    resolved."""
    return await _respond(reader, await application.acknowledge_incident()(incident_id, actor, key), response)


@router.post("/incidents/{incident_id}/snooze", summary="Snooze an incident", responses=problems(*PROBLEMS))
@requires(OPERATE)
async def snooze_incident(
    incident_id: IncidentId,
    body: SnoozeRequest,
    application: ApplicationDep,
    reader: ReaderDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
) -> IncidentDetailResponse:
    """Stop its messages for a while. If it is still unresolved then, a reminder follows. A later snooze replaces an earlier one. 409 if
    it is
    resolved."""
    return await _respond(reader, await application.snooze_incident()(incident_id, body.get_end(), actor, key), response)


@router.post("/incidents/{incident_id}/resolve", summary="Resolve an incident", responses=problems(*PROBLEMS))
@requires(OPERATE)
async def resolve_incident(
    incident_id: IncidentId, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> IncidentDetailResponse:
    """Resolve it without waiting for a good run. The next bad run opens a new incident. Resolving again changes nothing."""
    return await _respond(reader, await application.resolve_incident()(incident_id, actor, key), response)


async def _respond(reader: Reader, result: IncidentResult, response: Response) -> IncidentDetailResponse:
    """Return the incident after the request."""
    mark_replayed(response, result.replayed)
    found = await reader.incident(result.incident_id)
    if found is None:
        raise NotFound("incident", result.incident_id)
    return IncidentDetailResponse.from_detail(found)
