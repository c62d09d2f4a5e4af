"""Pause, resume and run a schedule of a pipeline. The forms also work without scripts; with them, they open in a dialog."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from application.commands.schedules.run_schedule import RunScheduleCommand
from application.queries.views.pipelines import PipelineView
from domain.errors import NotFound
from domain.schedules.definition import CatchUpPolicy
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.trace_context import get_trace_context
from entrypoints.web.form_data import get_text, parse_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.pipelines.activation import PAUSE_CHOICES, parse_pause_choice

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CATCH_UP_CHOICES: Final = {
    CatchUpPolicy.NONE: "No tick of the pause",
    CatchUpPolicy.LATEST: "The latest tick of the pause",
    CatchUpPolicy.ALL: "All ticks of the pause, oldest first",
}


@router.get("/ui/pipelines/{ref}/schedules/{name}/pause")
@requires(OPERATE, ResourceScope.PIPELINE)
async def show_pause_form(request: Request, ref: str, name: str) -> Response:
    """Ask how long the pause lasts."""
    return _render_pause_form(request, await _require_schedule(request, ref, name), name, (), 200)


@router.post("/ui/pipelines/{ref}/schedules/{name}/pause")
@requires(OPERATE, ResourceScope.PIPELINE)
async def pause(request: Request, ref: str, name: str) -> Response:
    """Pause the schedule for the chosen time."""
    pipeline = await _require_schedule(request, ref, name)
    try:
        until = parse_pause_choice(get_text(await parse_form(request), "hours"), get_page_context(request).now())
    except ValueError:
        return _render_pause_form(request, pipeline, name, ["Choose how long the pause lasts."], 422)
    await get_application(request).pause_schedule()(pipeline.id, name, until, get_actor(request))
    return redirect(f"/ui/pipelines/{pipeline.id}")


@router.get("/ui/pipelines/{ref}/schedules/{name}/resume")
@requires(OPERATE, ResourceScope.PIPELINE)
async def show_resume_form(request: Request, ref: str, name: str) -> Response:
    """Ask which ticks of the pause run now."""
    return _render_resume_form(request, await _require_schedule(request, ref, name), name, (), 200)


@router.post("/ui/pipelines/{ref}/schedules/{name}/resume")
@requires(OPERATE, ResourceScope.PIPELINE)
async def resume(request: Request, ref: str, name: str) -> Response:
    """End the pause."""
    pipeline = await _require_schedule(request, ref, name)
    chosen = get_text(await parse_form(request), "catch_up")
    if chosen not in list(CatchUpPolicy):
        return _render_resume_form(request, pipeline, name, ["Choose which ticks of the pause run now."], 422)
    await get_application(request).resume_schedule()(pipeline.id, name, CatchUpPolicy(chosen), get_actor(request))
    return redirect(f"/ui/pipelines/{pipeline.id}")


@router.post("/ui/pipelines/{ref}/schedules/{name}/run-now")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def run_now(request: Request, ref: str, name: str) -> Response:
    """Start a run with the schedule's parameters and redirect to it."""
    pipeline = await _require_schedule(request, ref, name)
    command = RunScheduleCommand(pipeline.id, name, "dashboard", get_actor(request), get_trace_context(request))
    run = await get_application(request).run_schedule()(command)
    return redirect(f"/ui/runs/{run.run_id}")


async def _require_schedule(request: Request, ref: str, name: str) -> PipelineView:
    """Return the pipeline. Raises NotFound if its newest revision has no such schedule."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    if all(schedule.name != name for schedule in pipeline.definition.schedules):
        raise NotFound("schedule", name, f"pipeline {pipeline.name}")
    return pipeline


def _render_pause_form(request: Request, pipeline: PipelineView, name: str, problems: Sequence[str], status: int) -> Response:
    values = {"pipeline": pipeline, "schedule": name, "choices": PAUSE_CHOICES, "problems": problems}
    return render_page(request, "pause_schedule.html", status, section="pipelines", **values)


def _render_resume_form(request: Request, pipeline: PipelineView, name: str, problems: Sequence[str], status: int) -> Response:
    values = {"pipeline": pipeline, "schedule": name, "choices": CATCH_UP_CHOICES, "problems": problems}
    return render_page(request, "resume_schedule.html", status, section="pipelines", **values)
