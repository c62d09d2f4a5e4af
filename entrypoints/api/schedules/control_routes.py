"""Pause, resume and run the schedules of a pipeline."""

from typing import Annotated

from fastapi import Body, Request
from starlette.responses import Response

from application.commands.schedules.change_pause import PauseResult
from application.commands.schedules.run_schedule import RunScheduleCommand
from application.ports.queries.reader import Reader
from domain.errors import NotFound
from domain.schedules.definition import CatchUpPolicy
from entrypoints.api.pipelines.dependencies import PipelineRefDep
from entrypoints.api.pipelines.models import PauseRequest
from entrypoints.api.runs.models import TriggerResponse
from entrypoints.api.schedules.control_models import ResumeRequest
from entrypoints.api.schedules.models import ScheduleResponse
from entrypoints.api.schedules.preview_routes import ScheduleName
from entrypoints.api.schedules.routes import list_schedule_responses
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep, get_trigger_kind
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.container import Application
from entrypoints.http.auth.permissions import OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.http.base_path import link
from entrypoints.http.trace_context import get_trace_context

router = create_router("schedules")
PROBLEMS = (403, 404, 409, 413, 422, 503)


@router.post("/pipelines/{pipeline_id}/schedules/{name}/pause", summary="Pause a schedule", responses=problems(*PROBLEMS))
@requires(OPERATE, ResourceScope.PIPELINE)
async def pause_schedule(
    ref: PipelineRefDep,
    name: ScheduleName,
    application: ApplicationDep,
    reader: ReaderDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[PauseRequest, Body(default_factory=PauseRequest)],
) -> ScheduleResponse:
    """Stop the schedule from firing.

    Active runs continue. With `until`, the pause ends automatically. Pausing again replaces its end. A new revision or `apply` does not
    resume it.
    """
    return await _respond(application, reader, await application.pause_schedule()(ref, name, body.until, actor, key), response)


@router.post("/pipelines/{pipeline_id}/schedules/{name}/resume", summary="Resume a schedule", responses=problems(*PROBLEMS))
@requires(OPERATE, ResourceScope.PIPELINE)
async def resume_schedule(
    ref: PipelineRefDep,
    name: ScheduleName,
    application: ApplicationDep,
    reader: ReaderDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[ResumeRequest, Body(default_factory=ResumeRequest)],
) -> ScheduleResponse:
    """End the pause. The ticks of the pause are recorded as `paused`; with `catch_up`, some of them run now. Resuming a schedule that is
    not paused changes nothing."""
    return await _respond(
        application, reader, await application.resume_schedule()(ref, name, CatchUpPolicy(body.catch_up), actor, key), response
    )


@router.post(
    "/pipelines/{pipeline_id}/schedules/{name}/run-now",
    status_code=202,
    summary="Run a schedule now",
    response_description="Stored; the run starts when a worker claims it",
    responses=problems(*PROBLEMS, 429, 507),
)
@requires(TRIGGER, ResourceScope.PIPELINE)
async def run_schedule(
    ref: PipelineRefDep,
    name: ScheduleName,
    request: Request,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
) -> TriggerResponse:
    """Queue a run with the schedule's parameters, as if a tick were due now. The schedule can be paused. The schedule's `overlap` counts
    the run as one of its own.
    """
    command = RunScheduleCommand(ref, name, get_trigger_kind(request), actor, get_trace_context(request), key)
    run = await application.run_schedule()(command)
    response.headers["Location"] = link(f"/runs/{run.run_id}")
    mark_replayed(response, run.replayed)
    return TriggerResponse.from_view(run)


async def _respond(application: Application, reader: Reader, result: PauseResult, response: Response) -> ScheduleResponse:
    """Return the schedule after the request."""
    mark_replayed(response, result.replayed)
    for schedule in await list_schedule_responses(application, reader, result.pipeline_id):
        if schedule.name == result.schedule:
            return schedule
    raise NotFound("schedule", result.schedule)
