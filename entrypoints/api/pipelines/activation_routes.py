"""Pause, resume, archive, unarchive and delete pipelines."""

from dataclasses import replace
from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from application.commands.pipelines.change_activation import ActivationResult
from application.ports.queries.reader import Reader
from domain.errors import NotFound
from entrypoints.api.pipelines.dependencies import PipelineRefDep
from entrypoints.api.pipelines.models import PauseRequest, PipelineResponse
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.etags import pipeline_etag
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import ADMIN, OPERATE, ResourceScope, requires

router = create_router("pipelines")
PROBLEMS = (403, 404, 409, 413, 422, 503)
Confirmation = Annotated[
    str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="The pipeline's name, which confirms the deletion.")
]


@router.post("/pipelines/{pipeline_id}/pause", summary="Pause a pipeline", response_model_exclude_unset=True, responses=problems(*PROBLEMS))
@requires(OPERATE, ResourceScope.PIPELINE)
async def pause_pipeline(
    ref: PipelineRefDep,
    application: ApplicationDep,
    reader: ReaderDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[PauseRequest, Body(default_factory=PauseRequest)],
) -> PipelineResponse:
    """Stop the pipeline's schedules and other automatic starts.

    Users and the API can still trigger it, and active runs continue. With `until`, the pause ends automatically. Pausing again replaces its
    end.
    """
    return await _respond(reader, await application.pause_pipeline()(ref, body.until, actor, key), response)


@router.post(
    "/pipelines/{pipeline_id}/resume", summary="Resume a pipeline", response_model_exclude_unset=True, responses=problems(*PROBLEMS)
)
@requires(OPERATE, ResourceScope.PIPELINE)
async def resume_pipeline(
    ref: PipelineRefDep, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> PipelineResponse:
    """End the pause. Resuming a pipeline that is not paused changes nothing."""
    return await _respond(reader, await application.resume_pipeline()(ref, actor, key), response)


@router.post(
    "/pipelines/{pipeline_id}/archive", summary="Archive a pipeline", response_model_exclude_unset=True, responses=problems(*PROBLEMS)
)
@requires(ADMIN, ResourceScope.PIPELINE)
async def archive_pipeline(
    ref: PipelineRefDep, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> PipelineResponse:
    """Hide the pipeline from the board and from lists, and refuse new runs. Active runs continue, and its history stays readable.
    Archiving again changes nothing."""
    return await _respond(reader, await application.archive_pipeline()(ref, actor, key), response)


@router.post(
    "/pipelines/{pipeline_id}/unarchive", summary="Unarchive a pipeline", response_model_exclude_unset=True, responses=problems(*PROBLEMS)
)
@requires(ADMIN, ResourceScope.PIPELINE)
async def unarchive_pipeline(
    ref: PipelineRefDep, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> PipelineResponse:
    """Show the pipeline and accept runs again.

    A paused pipeline stays paused. Unarchiving a pipeline that is not archived changes nothing. 409 if its concurrency groups now conflict
    with those of other pipelines.
    """
    return await _respond(reader, await application.unarchive_pipeline()(ref, actor, key), response)


@router.delete("/pipelines/{pipeline_id}", status_code=204, summary="Delete a pipeline", responses=problems(403, 404, 409, 422, 503))
@requires(ADMIN, ResourceScope.PIPELINE)
async def delete_pipeline(ref: PipelineRefDep, application: ApplicationDep, actor: ActorDep, confirm: Confirmation = None) -> None:
    """Delete an archived pipeline. Its name can be reused at once. Its active runs are cancelled, then its runs, events, logs and tokens
    are removed in the background; the audit log stays. This cannot be undone. 409 unless it is archived; 422 unless `confirm` is its
    name."""
    await application.delete_pipeline()(ref, confirm, actor)


async def _respond(reader: Reader, result: ActivationResult, response: Response) -> PipelineResponse:
    """Return the pipeline in the state that the request left it in."""
    pipeline = await reader.pipeline(result.pipeline_id)
    if pipeline is None:
        raise NotFound("pipeline", result.pipeline_id)
    pipeline = replace(pipeline, activation=result.activation)
    response.headers["ETag"] = pipeline_etag(pipeline)
    mark_replayed(response, result.replayed)
    return PipelineResponse.from_view(pipeline)
