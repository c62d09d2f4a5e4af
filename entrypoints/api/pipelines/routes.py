"""Pipelines: list, read and trigger them."""

from typing import Annotated

from fastapi import Body, Request
from starlette.responses import Response

from application.commands.runs.run_opener import TriggerCommand
from application.ports.queries.reader import ArchivedFilter
from domain.runs.trigger import Trigger
from entrypoints.api.pipelines.dependencies import PipelineDep, PipelineRefDep
from entrypoints.api.pipelines.models import PipelineResponse, list_stage_responses
from entrypoints.api.pipelines.pipeline_list import PipelineListCache
from entrypoints.api.runs.models import RunResponse, StageResponse, TriggerRequest, TriggerResponse
from entrypoints.api.runs.run_list import RunListQuery, list_run_page
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, PrefectUrlDep, ReaderDep, get_trigger_kind
from entrypoints.api.shared.etags import etag_matches, not_modified, page_etag, pipeline_etag
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.pagination import SortOrder, build_page_links, parse_cursor, take_page
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import ArchivedChoice, Cursor, Limit, RunSkip, Skip, StatusFilter
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.caller import require_permission
from entrypoints.http.auth.permissions import OPERATE, READ, TRIGGER, ResourceScope, requires
from entrypoints.http.base_path import link
from entrypoints.http.trace_context import get_trace_context

router = create_router("pipelines")


@router.get(
    "/pipelines/",
    summary="List pipelines",
    response_model=list[PipelineResponse],
    response_model_exclude_unset=True,
    responses=problems(422, 503),
)
@requires(READ)
async def list_pipelines(
    request: Request,
    reader: ReaderDep,
    skip: Skip = 0,
    limit: Limit = 100,
    cursor: Cursor = None,
    archived: ArchivedChoice = ArchivedFilter.EXCLUDE,
) -> Response:
    """Return pipelines by id, each with its stages and their status in the latest run. The `Link` header points to the next page."""
    position, order = parse_cursor(cursor), SortOrder(ascending=True)
    found = await reader.pipeline_state_versions(skip, limit + 1, above=position.above, below=position.below, archived=archived)
    page, has_more = take_page(found, limit, order, position)
    headers = build_page_links(request, [version.id for version in page], order, position, skip, has_more)
    etag = page_etag(page)
    if etag_matches(request, etag):
        return not_modified(etag, headers)
    cache: PipelineListCache = request.app.state.pipeline_list_cache
    return await cache.respond(reader, page, etag, headers)


@router.get("/pipelines/{pipeline_id}", summary="Get a pipeline", response_model_exclude_unset=True, responses=problems(404, 422, 503))
@requires(READ, ResourceScope.PIPELINE)
async def get_pipeline(pipeline: PipelineDep, response: Response) -> PipelineResponse:
    """Return a pipeline. Its `ETag` can be sent as `If-None-Match` or, with a change, as `If-Match`."""
    response.headers["ETag"] = pipeline_etag(pipeline)
    return PipelineResponse.from_view(pipeline)


@router.get(
    "/pipelines/{pipeline_id}/stages", summary="List a pipeline's stages with their latest status", responses=problems(404, 422, 503)
)
@requires(READ, ResourceScope.PIPELINE)
async def list_pipeline_stages(pipeline: PipelineDep, prefect_url: PrefectUrlDep) -> list[StageResponse]:
    """Return the stages in the order of the definition, with their state in the latest run; `pending` before the first run."""
    return list_stage_responses(pipeline, prefect_url)


@router.get(
    "/pipelines/{pipeline_id}/runs", summary="List a pipeline's runs", response_model=list[RunResponse], responses=problems(404, 422, 503)
)
@requires(READ, ResourceScope.PIPELINE)
async def list_pipeline_runs(
    pipeline: PipelineDep,
    request: Request,
    reader: ReaderDep,
    status: StatusFilter = None,
    skip: RunSkip = 0,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Return the pipeline's runs, newest first. The `Link` header points to the next page."""
    return await list_run_page(request, reader, RunListQuery(pipeline.id, status, skip, limit, cursor))


@router.post(
    "/trigger/{pipeline_id}",
    status_code=202,
    summary="Trigger a pipeline",
    response_description="Stored; the run starts when a worker claims it",
    responses=problems(403, 404, 409, 413, 422, 429, 503, 507),
)
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger_pipeline(
    ref: PipelineRefDep,
    request: Request,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[TriggerRequest, Body(default_factory=TriggerRequest)],
) -> TriggerResponse:
    """Queue a run of the newest revision, with the parameters in the body if there is one. Runs are accepted whether or not Prefect is
    reachable. While a concurrency limit is reached, the run waits, or it is 409 `limit_full` if the definition says `when_full: skip`.
    429 `queue_full` if 1,000 runs wait already."""
    if body.over_limit:
        require_permission(request, OPERATE)
    trigger = Trigger(get_trigger_kind(request), actor.name)
    command = TriggerCommand(
        ref, body.parameters or {}, trigger, get_trace_context(request), key, actor, priority=body.priority, over_limit=body.over_limit
    )
    run = await application.trigger_pipeline()(command)
    response.headers["Location"] = link(f"/runs/{run.run_id}")
    mark_replayed(response, run.replayed)
    return TriggerResponse.from_view(run)
