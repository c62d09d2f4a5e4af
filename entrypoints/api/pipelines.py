"""Pipelines: the list, one, its stages and runs; creating, changing and triggering."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application.commands.trigger_pipeline import TriggerCommand
from application.ports.readers import Reader
from application.queries.views import PipelineMark, PipelineView
from domain.errors import NotFound
from domain.run import Trigger
from entrypoints.api import examples
from entrypoints.api.bodies import TriggerBody
from entrypoints.api.cursors import CursorText, Turn, cut, links, place_of
from entrypoints.api.definition_schema import DEFINITION
from entrypoints.api.etags import IfMatch, expected_revisions, has_it, marks_tag, pipeline_tag, tagged, to_keep, unchanged
from entrypoints.api.idempotency import Key, replayed
from entrypoints.api.openapi import answers, takes
from entrypoints.api.presenters import Json, pipeline_json, pipeline_stages_json, triggered_json
from entrypoints.api.requests import (
    Acting,
    App,
    JsonBody,
    Limit,
    Reads,
    RunSkip,
    Skip,
    StatusWord,
    pipeline_ref,
    shaped,
    trace_of,
    trigger_kind,
)
from entrypoints.api.run_lists import RunPage, run_list
from entrypoints.api.schemas import PipelineShape, RunShape, StageShape, TriggeredShape
from entrypoints.api.texts import Texts
from entrypoints.http import strict_json
from entrypoints.http.auth.caller import person_of
from entrypoints.http.auth.permissions import DEFINE, READ, TRIGGER, ResourceScope, requires

router = APIRouter(tags=["pipelines"])


@router.get(
    "/pipelines/",
    summary="List pipelines",
    operation_id="list_pipelines",
    responses=answers(200, list[PipelineShape], [examples.PIPELINE], problems=(422, 503)),
)
@requires(READ)
async def list_pipelines(request: Request, reads: Reads, skip: Skip = 0, limit: Limit = 100, cursor: CursorText = None) -> Response:
    """By id, each with its stages and how they stand in the latest run. `Link` leads to the next page."""
    place, turn = place_of(cursor), Turn(rising=True)
    found = await reads.pipeline_marks(skip, limit + 1, above=place.above, below=place.below)
    page, more = cut(found, limit, turn, place)
    headers = links(request, [mark.id for mark in page], turn, place, skip, more)
    tag = marks_tag(page)
    if has_it(request, tag):
        return unchanged(tag, headers)
    texts: Texts[PipelineMark, PipelineView] = request.app.state.pipeline_texts
    return Response(await texts.of(reads, page), media_type="application/json", headers=to_keep(tag, headers))


@router.post(
    "/pipelines/",
    status_code=201,
    summary="Create a pipeline",
    operation_id="create_pipeline",
    responses=answers(201, PipelineShape, examples.PIPELINE, problems=(403, 409, 413, 422, 503), words="Created, as revision 1"),
    openapi_extra=takes(DEFINITION, examples.DEFINITION),
)
@requires(DEFINE)
async def create_pipeline(raw: JsonBody, application: App, who: Acting, key: Key) -> Json:
    """Every field at fault is named at once, and nothing is stored then. 409 when the name is taken."""
    made = await application.create_pipeline()(raw, key, who)
    view = PipelineView(made.id, made.revision, made.definition, made.created_at, made.updated_at)
    headers = {"Location": f"/pipelines/{made.id}", "ETag": pipeline_tag(view)}
    return Json(pipeline_json(view), 201, replayed(made.replayed, headers))


@router.get(
    "/pipelines/{pipeline_id}",
    summary="One pipeline",
    operation_id="get_pipeline",
    responses=answers(200, PipelineShape, examples.PIPELINE, problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.PIPELINE)
async def get_pipeline(pipeline_id: str, request: Request, reads: Reads) -> Response:
    """By its id or its name. The `ETag` is what `If-None-Match` and, for an edit, `If-Match` take."""
    pipeline = await _found(pipeline_id, reads)
    return tagged(request, pipeline_json(pipeline), pipeline_tag(pipeline))


@router.put(
    "/pipelines/{pipeline_id}",
    summary="Change a pipeline",
    operation_id="change_pipeline",
    responses=answers(200, PipelineShape, examples.PIPELINE, problems=(403, 404, 409, 412, 413, 422, 503)),
    openapi_extra=takes(DEFINITION, examples.DEFINITION),
)
@requires(DEFINE, ResourceScope.PIPELINE)
async def change_pipeline(pipeline_id: str, raw: JsonBody, reads: Reads, application: App, who: Acting, if_match: IfMatch = None) -> Json:
    """Adds a revision, unless nothing differs. Runs under way keep the revision they started with. With `If-Match` it is 412
    when the pipeline has a newer revision than the one that ETag is of."""
    made = await application.change_pipeline()(pipeline_ref(pipeline_id), raw, expected_revisions(if_match), who)
    seen = await reads.pipeline(made.id)
    latest = seen.latest if seen else None
    view = PipelineView(made.id, made.revision, made.definition, made.created_at, made.updated_at, latest)
    return Json(pipeline_json(view), headers={"ETag": pipeline_tag(view)})


@router.get(
    "/pipelines/{pipeline_id}/stages",
    summary="A pipeline's stages, with their latest status",
    operation_id="list_pipeline_stages",
    responses=answers(200, list[StageShape], [examples.STAGE], problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.PIPELINE)
async def list_stages(pipeline_id: str, request: Request, reads: Reads) -> Response:
    """In the order of the definition; `pending` before the first run."""
    return tagged(request, pipeline_stages_json(await _found(pipeline_id, reads)))


@router.get(
    "/pipelines/{pipeline_id}/runs",
    summary="A pipeline's runs",
    operation_id="list_pipeline_runs",
    responses=answers(200, list[RunShape], [examples.RUN], problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.PIPELINE)
async def list_runs(
    pipeline_id: str,
    request: Request,
    reads: Reads,
    status: StatusWord = None,
    skip: RunSkip = 0,
    limit: Limit = 100,
    cursor: CursorText = None,
) -> Response:
    """Newest first. `Link` leads to the next page."""
    pipeline = await _found(pipeline_id, reads)
    return await run_list(request, reads, RunPage(pipeline.id, status, skip, limit, cursor))


@router.post(
    "/trigger/{pipeline_id}",
    status_code=202,
    summary="Queue a run",
    operation_id="trigger_pipeline",
    responses=answers(
        202,
        TriggeredShape,
        examples.TRIGGERED,
        problems=(403, 404, 409, 413, 422, 429, 503, 507),
        words="Stored; it starts when a worker takes it",
    ),
    openapi_extra=takes(TriggerBody, examples.TRIGGER, required=False),
)
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger_pipeline(pipeline_id: str, request: Request, application: App, key: Key) -> Json:
    """Takes the run's parameters, or no body at all. Accepted whatever Prefect is doing."""
    raw = await request.body()
    body = shaped(TriggerBody, strict_json.read(raw)) if raw.strip() else TriggerBody(parameters=None)
    who = person_of(request)
    trigger = Trigger(trigger_kind(request), who.name)
    command = TriggerCommand(pipeline_ref(pipeline_id), body.parameters or {}, trigger, trace_of(request), key, who)
    run = await application.trigger_pipeline()(command)
    return Json(triggered_json(run), 202, replayed(run.replayed, {"Location": f"/runs/{run.run_id}"}))


async def _found(text: str, reads: Reader) -> PipelineView:
    pipeline = await reads.pipeline(pipeline_ref(text))
    if pipeline is None:
        raise NotFound("pipeline", text)
    return pipeline
