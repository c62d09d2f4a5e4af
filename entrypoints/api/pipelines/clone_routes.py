"""Clone a pipeline."""

import asyncio

from starlette.responses import Response

from domain.errors import NotFound
from entrypoints.api.pipelines.dependencies import PipelineDep
from entrypoints.api.pipelines.models import CloneRequest, PipelineResponse
from entrypoints.api.pipelines.stored_pipeline import respond_with_created
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.idempotency import IdempotencyKeyDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.definitions.renaming import copy_revision
from entrypoints.http.auth.permissions import DEFINE, requires

router = create_router("pipelines")


@router.post(
    "/pipelines/{pipeline_id}/clone",
    status_code=201,
    summary="Clone a pipeline",
    response_description="Created, as revision 1 of another pipeline",
    response_model_exclude_unset=True,
    responses=problems(403, 404, 409, 413, 422, 503),
)
@requires(DEFINE)
async def clone_pipeline(
    pipeline: PipelineDep,
    body: CloneRequest,
    reader: ReaderDep,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
) -> PipelineResponse:
    """Store the newest revision as a new pipeline, with its text under the new name. The clone has no runs. If it has schedules or
    expectations, it starts paused, so that nothing runs twice: resume it when it is ready. 409 if the name is taken."""
    revision = await reader.revision(pipeline.id, pipeline.revision)
    if revision is None:
        raise NotFound("revision", pipeline.revision, pipeline.name)
    definition, source = await asyncio.to_thread(copy_revision, revision, body.name)
    created = await application.create_pipeline()(definition, key, actor, source=source, cloned_from=pipeline.name)
    return respond_with_created(created, response)
