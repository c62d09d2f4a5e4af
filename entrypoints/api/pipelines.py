"""Pipelines: the list, one, its stages and runs; creating, changing and triggering."""

from fastapi import APIRouter, Request

from application.commands.trigger_pipeline import TriggerCommand
from application.ports.readers import Reader
from application.queries.views import PipelineView
from domain.errors import NotFound
from domain.run import Trigger
from entrypoints.api import examples, strict_json
from entrypoints.api.bodies import TriggerBody
from entrypoints.api.definition_schema import DEFINITION
from entrypoints.api.openapi import answers, takes
from entrypoints.api.presenters import Json, pipeline_json, pipeline_stages_json, triggered_json
from entrypoints.api.requests import App, JsonBody, Limit, Reads, Skip, pipeline_ref, shaped, trace_of
from entrypoints.api.run_lists import run_list
from entrypoints.api.schemas import PipelineShape, RunShape, StageShape, TriggeredShape

router = APIRouter(tags=["pipelines"])


@router.get(
    "/pipelines/",
    summary="List pipelines",
    operation_id="list_pipelines",
    responses=answers(200, list[PipelineShape], [examples.PIPELINE], problems=(422, 503)),
)
async def list_pipelines(reads: Reads, skip: Skip = 0, limit: Limit = 100) -> Json:
    """By id, each with its stages and how they stand in the latest run."""
    return Json([pipeline_json(pipeline) for pipeline in await reads.pipelines(skip, limit)])


@router.post(
    "/pipelines/",
    status_code=201,
    summary="Create a pipeline",
    operation_id="create_pipeline",
    responses=answers(201, PipelineShape, examples.PIPELINE, problems=(403, 409, 413, 422, 503), words="Created, as revision 1"),
    openapi_extra=takes(DEFINITION, examples.DEFINITION),
)
async def create_pipeline(raw: JsonBody, application: App) -> Json:
    """Every field at fault is named at once, and nothing is stored then. 409 when the name is taken."""
    made = await application.create_pipeline()(raw)
    view = PipelineView(made.id, made.revision, made.definition, made.created_at, made.updated_at)
    return Json(pipeline_json(view), 201, {"Location": f"/pipelines/{made.id}"})


@router.get(
    "/pipelines/{pipeline_id}",
    summary="One pipeline",
    operation_id="get_pipeline",
    responses=answers(200, PipelineShape, examples.PIPELINE, problems=(404, 422, 503)),
)
async def get_pipeline(pipeline_id: str, reads: Reads) -> Json:
    """By its id or its name."""
    return Json(pipeline_json(await _found(pipeline_id, reads)))


@router.put(
    "/pipelines/{pipeline_id}",
    summary="Change a pipeline",
    operation_id="change_pipeline",
    responses=answers(200, PipelineShape, examples.PIPELINE, problems=(403, 404, 409, 413, 422, 503)),
    openapi_extra=takes(DEFINITION, examples.DEFINITION),
)
async def change_pipeline(pipeline_id: str, raw: JsonBody, reads: Reads, application: App) -> Json:
    """Adds a revision, unless nothing differs. Runs under way keep the revision they started with."""
    made = await application.change_pipeline()(pipeline_ref(pipeline_id), raw)
    seen = await reads.pipeline(made.id)
    latest = seen.latest if seen else None
    return Json(pipeline_json(PipelineView(made.id, made.revision, made.definition, made.created_at, made.updated_at, latest)))


@router.get(
    "/pipelines/{pipeline_id}/stages",
    summary="A pipeline's stages, with their latest status",
    operation_id="list_pipeline_stages",
    responses=answers(200, list[StageShape], [examples.STAGE], problems=(404, 422, 503)),
)
async def list_stages(pipeline_id: str, reads: Reads) -> Json:
    """In the order of the definition; `pending` before the first run."""
    return Json(pipeline_stages_json(await _found(pipeline_id, reads)))


@router.get(
    "/pipelines/{pipeline_id}/runs",
    summary="A pipeline's runs",
    operation_id="list_pipeline_runs",
    responses=answers(200, list[RunShape], [examples.RUN], problems=(404, 422, 503)),
)
async def list_runs(pipeline_id: str, reads: Reads, status: str | None = None, skip: Skip = 0, limit: Limit = 100) -> Json:
    """Newest first."""
    pipeline = await _found(pipeline_id, reads)
    return await run_list(reads, pipeline.id, status, skip, limit)


@router.post(
    "/trigger/{pipeline_id}",
    status_code=202,
    summary="Queue a run",
    operation_id="trigger_pipeline",
    responses=answers(
        202,
        TriggeredShape,
        examples.TRIGGERED,
        problems=(403, 404, 413, 422, 503),
        words="Stored; it starts when a worker takes it",
    ),
    openapi_extra=takes(TriggerBody, examples.TRIGGER, required=False),
)
async def trigger_pipeline(pipeline_id: str, request: Request, application: App) -> Json:
    """Takes the run's parameters, or no body at all. Accepted whatever Prefect is doing."""
    raw = await request.body()
    body = shaped(TriggerBody, strict_json.check(strict_json.parse(raw))) if raw.strip() else TriggerBody(parameters=None)
    by_cli = request.headers.get("user-agent", "").startswith("headgate-cli")
    trigger = Trigger("cli" if by_cli else "api")
    command = TriggerCommand(pipeline_ref(pipeline_id), body.parameters or {}, trigger, trace_of(request))
    run = await application.trigger_pipeline()(command)
    return Json(triggered_json(run), 202, {"Location": f"/runs/{run.run_id}"})


async def _found(text: str, reads: Reader) -> PipelineView:
    pipeline = await reads.pipeline(pipeline_ref(text))
    if pipeline is None:
        raise NotFound("pipeline", text)
    return pipeline
