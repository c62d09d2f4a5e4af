"""Pause, resume and cancel backfills."""

from typing import Annotated

from fastapi import Body
from starlette.responses import Response

from application.commands.backfills.start_backfill import BackfillResult
from application.ports.queries.reader import Reader
from domain.errors import NotFound
from entrypoints.api.backfills.dependencies import BackfillId
from entrypoints.api.backfills.models import BackfillResponse, CancelBackfillRequest
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import OPERATE, requires

router = create_router("backfills")
PROBLEMS = (403, 404, 409, 413, 422, 503)


@router.post("/backfills/{backfill_id}/pause", summary="Pause a backfill", responses=problems(*PROBLEMS))
@requires(OPERATE)
async def pause_backfill(
    backfill_id: BackfillId, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> BackfillResponse:
    """Stop the backfill from starting runs. Its unfinished runs continue. Pausing again changes nothing."""
    return await _respond(reader, await application.pause_backfill()(backfill_id, actor, key), response)


@router.post("/backfills/{backfill_id}/resume", summary="Resume a backfill", responses=problems(*PROBLEMS))
@requires(OPERATE)
async def resume_backfill(
    backfill_id: BackfillId, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> BackfillResponse:
    """Let the backfill start runs again. Resuming a backfill that is not paused changes nothing."""
    return await _respond(reader, await application.resume_backfill()(backfill_id, actor, key), response)


@router.post("/backfills/{backfill_id}/cancel", summary="Cancel a backfill", responses=problems(*PROBLEMS))
@requires(OPERATE)
async def cancel_backfill(
    backfill_id: BackfillId,
    application: ApplicationDep,
    reader: ReaderDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[CancelBackfillRequest, Body(default_factory=CancelBackfillRequest)],
) -> BackfillResponse:
    """Cancel its pending ticks. Its unfinished runs continue unless `cancel_runs` is true. Cancelling again changes nothing."""
    return await _respond(reader, await application.cancel_backfill()(backfill_id, body.cancel_runs, actor, key), response)


async def _respond(reader: Reader, result: BackfillResult, response: Response) -> BackfillResponse:
    """Return the backfill after the request."""
    mark_replayed(response, result.replayed)
    view = await reader.backfill(result.backfill_id)
    if view is None:
        raise NotFound("backfill", result.backfill_id)
    return BackfillResponse.from_view(view)
