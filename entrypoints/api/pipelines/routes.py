"""Pipelines: the list, one, its stages and runs; creating, changing and triggering."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application.commands.runs.trigger_pipeline import TriggerCommand
from application.ports.queries.reader import Reader
from application.queries.views.pipelines import PipelineStateVersion, PipelineView
from domain.errors import NotFound
from domain.runs.trigger import Trigger
from entrypoints.api.pipelines.definition_schema import DEFINITION
from entrypoints.api.runs.run_page import RunListQuery, build_run_list
from entrypoints.api.shared import examples
from entrypoints.api.shared.dependencies import (
    ActorDep,
    ApplicationDep,
    JsonBody,
    Limit,
    ReaderDep,
    RunSkip,
    Skip,
    StatusFilter,
    get_trigger_kind,
    parse_pipeline_ref,
    validate,
)
from entrypoints.api.shared.etags import (
    IfMatch,
    cache_headers,
    etag_matches,
    etag_response,
    not_modified,
    page_etag,
    parse_expected_revisions,
    pipeline_etag,
)
from entrypoints.api.shared.idempotency import Key, replayed
from entrypoints.api.shared.list_cache import ListCache
from entrypoints.api.shared.openapi import answers, request_body
from entrypoints.api.shared.pagination import CursorParam, SortOrder, build_page_links, parse_cursor, take_page
from entrypoints.api.shared.presenters import pipeline_json, pipeline_stages_json, triggered_json
from entrypoints.api.shared.request_models import TriggerRequest
from entrypoints.api.shared.response_models import PipelineResponse, RunResponse, StageResponse, TriggerResponse
from entrypoints.http import strict_json
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, READ, TRIGGER, ResourceScope, requires
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.trace_context import get_trace_context

router = APIRouter(tags=["pipelines"])


@router.get(
    "/pipelines/",
    summary="List pipelines",
    operation_id="list_pipelines",
    responses=answers(200, list[PipelineResponse], [examples.PIPELINE], problems=(422, 503)),
)
@requires(READ)
async def list_pipelines(request: Request, reader: ReaderDep, skip: Skip = 0, limit: Limit = 100, cursor: CursorParam = None) -> Response:
    """By id, each with its stages and how they stand in the latest run. `Link` leads to the next page."""
    position, order = parse_cursor(cursor), SortOrder(ascending=True)
    found = await reader.pipeline_marks(skip, limit + 1, above=position.above, below=position.below)
    page, more = take_page(found, limit, order, position)
    headers = build_page_links(request, [mark.id for mark in page], order, position, skip, more)
    tag = page_etag(page)
    if etag_matches(request, tag):
        return not_modified(tag, headers)
    texts: ListCache[PipelineStateVersion, PipelineView] = request.app.state.pipeline_list_cache
    return Response(await texts.of(reader, page), media_type="application/json", headers=cache_headers(tag, headers))


@router.post(
    "/pipelines/",
    status_code=201,
    summary="Create a pipeline",
    operation_id="create_pipeline",
    responses=answers(201, PipelineResponse, examples.PIPELINE, problems=(403, 409, 413, 422, 503), words="Created, as revision 1"),
    openapi_extra=request_body(DEFINITION, examples.DEFINITION),
)
@requires(DEFINE)
async def create_pipeline(raw: JsonBody, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """Every field at fault is named at once, and nothing is stored then. 409 when the name is taken."""
    made = await application.create_pipeline()(raw, key, who)
    view = PipelineView(made.id, made.revision, made.definition, made.created_at, made.updated_at)
    headers = {"Location": f"/pipelines/{made.id}", "ETag": pipeline_etag(view)}
    return JsonResponse(pipeline_json(view), 201, replayed(made.replayed, headers))


@router.get(
    "/pipelines/{pipeline_id}",
    summary="One pipeline",
    operation_id="get_pipeline",
    responses=answers(200, PipelineResponse, examples.PIPELINE, problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.PIPELINE)
async def get_pipeline(pipeline_id: str, request: Request, reader: ReaderDep) -> Response:
    """By its id or its name. The `ETag` is what `If-None-Match` and, for an edit, `If-Match` take."""
    pipeline = await _found(pipeline_id, reader)
    return etag_response(request, pipeline_json(pipeline), pipeline_etag(pipeline))


@router.put(
    "/pipelines/{pipeline_id}",
    summary="Change a pipeline",
    operation_id="change_pipeline",
    responses=answers(200, PipelineResponse, examples.PIPELINE, problems=(403, 404, 409, 412, 413, 422, 503)),
    openapi_extra=request_body(DEFINITION, examples.DEFINITION),
)
@requires(DEFINE, ResourceScope.PIPELINE)
async def change_pipeline(
    pipeline_id: str, raw: JsonBody, reader: ReaderDep, application: ApplicationDep, who: ActorDep, if_match: IfMatch = None
) -> JsonResponse:
    """Adds a revision, unless nothing differs. Runs under way keep the revision they started with. With `If-Match` it is 412
    when the pipeline has a newer revision than the one that ETag is of."""
    made = await application.change_pipeline()(parse_pipeline_ref(pipeline_id), raw, parse_expected_revisions(if_match), who)
    seen = await reader.pipeline(made.id)
    latest = seen.latest if seen else None
    view = PipelineView(made.id, made.revision, made.definition, made.created_at, made.updated_at, latest)
    return JsonResponse(pipeline_json(view), headers={"ETag": pipeline_etag(view)})


@router.get(
    "/pipelines/{pipeline_id}/stages",
    summary="A pipeline's stages, with their latest status",
    operation_id="list_pipeline_stages",
    responses=answers(200, list[StageResponse], [examples.STAGE], problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.PIPELINE)
async def list_stages(pipeline_id: str, request: Request, reader: ReaderDep) -> Response:
    """In the order of the definition; `pending` before the first run."""
    return etag_response(request, pipeline_stages_json(await _found(pipeline_id, reader)))


@router.get(
    "/pipelines/{pipeline_id}/runs",
    summary="A pipeline's runs",
    operation_id="list_pipeline_runs",
    responses=answers(200, list[RunResponse], [examples.RUN], problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.PIPELINE)
async def list_runs(
    pipeline_id: str,
    request: Request,
    reader: ReaderDep,
    status: StatusFilter = None,
    skip: RunSkip = 0,
    limit: Limit = 100,
    cursor: CursorParam = None,
) -> Response:
    """Newest first. `Link` leads to the next page."""
    pipeline = await _found(pipeline_id, reader)
    return await build_run_list(request, reader, RunListQuery(pipeline.id, status, skip, limit, cursor))


@router.post(
    "/trigger/{pipeline_id}",
    status_code=202,
    summary="Queue a run",
    operation_id="trigger_pipeline",
    responses=answers(
        202,
        TriggerResponse,
        examples.TRIGGERED,
        problems=(403, 404, 409, 413, 422, 429, 503, 507),
        words="Stored; it starts when a worker takes it",
    ),
    openapi_extra=request_body(TriggerRequest, examples.TRIGGER, required=False),
)
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger_pipeline(pipeline_id: str, request: Request, application: ApplicationDep, key: Key) -> JsonResponse:
    """Takes the run's parameters, or no body at all. Accepted whatever Prefect is doing."""
    raw = await request.body()
    body = validate(TriggerRequest, strict_json.read(raw)) if raw.strip() else TriggerRequest(parameters=None)
    who = get_actor(request)
    trigger = Trigger(get_trigger_kind(request), who.name)
    command = TriggerCommand(parse_pipeline_ref(pipeline_id), body.parameters or {}, trigger, get_trace_context(request), key, who)
    run = await application.trigger_pipeline()(command)
    return JsonResponse(triggered_json(run), 202, replayed(run.replayed, {"Location": f"/runs/{run.run_id}"}))


async def _found(text: str, reader: Reader) -> PipelineView:
    pipeline = await reader.pipeline(parse_pipeline_ref(text))
    if pipeline is None:
        raise NotFound("pipeline", text)
    return pipeline
