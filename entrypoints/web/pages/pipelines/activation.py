"""Pause, resume, archive, unarchive and delete a pipeline. The forms also work without scripts; with them, they open in a dialog."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response

from application.queries.views.pipelines import PipelineView
from domain.errors import Conflict, InvalidInput
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import ADMIN, OPERATE, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import get_text, parse_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.pipelines.activation import PAUSE_CHOICES, parse_pause_choice

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.get("/ui/pipelines/{ref}/pause")
@requires(OPERATE, ResourceScope.PIPELINE)
async def show_pause_form(request: Request, ref: str) -> Response:
    """Ask how long the pause lasts."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    return _render_pause_form(request, pipeline, (), 200)


@router.post("/ui/pipelines/{ref}/pause")
@requires(OPERATE, ResourceScope.PIPELINE)
async def pause(request: Request, ref: str) -> Response:
    """Pause the pipeline for the chosen time."""
    context = get_page_context(request)
    pipeline = await require_pipeline(context, ref)
    try:
        until = parse_pause_choice(get_text(await parse_form(request), "hours"), context.now())
    except ValueError:
        return _render_pause_form(request, pipeline, ["Choose how long the pause lasts."], 422)
    await get_application(request).pause_pipeline()(pipeline.id, until, get_actor(request))
    return _redirect_to(pipeline)


def _render_pause_form(request: Request, pipeline: PipelineView, problems: Sequence[str], status: int) -> Response:
    values = {"pipeline": pipeline, "choices": PAUSE_CHOICES, "problems": problems}
    return render_page(request, "pause.html", status, section="pipelines", **values)


@router.post("/ui/pipelines/{ref}/resume")
@requires(OPERATE, ResourceScope.PIPELINE)
async def resume(request: Request, ref: str) -> Response:
    """End the pause."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    await get_application(request).resume_pipeline()(pipeline.id, get_actor(request))
    return _redirect_to(pipeline)


@router.get("/ui/pipelines/{ref}/archive")
@requires(ADMIN, ResourceScope.PIPELINE)
async def show_archive_form(request: Request, ref: str) -> Response:
    """Ask for confirmation."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    return render_page(request, "archive.html", section="pipelines", pipeline=pipeline)


@router.post("/ui/pipelines/{ref}/archive")
@requires(ADMIN, ResourceScope.PIPELINE)
async def archive(request: Request, ref: str) -> Response:
    """Archive the pipeline."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    await get_application(request).archive_pipeline()(pipeline.id, get_actor(request))
    return _redirect_to(pipeline)


@router.post("/ui/pipelines/{ref}/unarchive")
@requires(ADMIN, ResourceScope.PIPELINE)
async def unarchive(request: Request, ref: str) -> Response:
    """Undo the archiving."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    await get_application(request).unarchive_pipeline()(pipeline.id, get_actor(request))
    return _redirect_to(pipeline)


@router.get("/ui/pipelines/{ref}/delete")
@requires(ADMIN, ResourceScope.PIPELINE)
async def show_delete_form(request: Request, ref: str) -> Response:
    """Ask for the pipeline's name."""
    return _render_delete_form(request, await require_pipeline(get_page_context(request), ref), "", None, 200)


@router.post("/ui/pipelines/{ref}/delete")
@requires(ADMIN, ResourceScope.PIPELINE)
async def delete(request: Request, ref: str) -> Response:
    """Delete the pipeline if its name was typed, and redirect to the board."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    typed = get_text(await parse_form(request), "confirm")
    try:
        await get_application(request).delete_pipeline()(pipeline.id, typed, get_actor(request))
    except InvalidInput:
        return _render_delete_form(request, pipeline, typed, f"Type {pipeline.name} to confirm. Nothing was deleted.", 422)
    except Conflict as error:
        return _render_delete_form(request, pipeline, typed, str(error), 409)
    return redirect("/")


def _render_delete_form(request: Request, pipeline: PipelineView, typed: str, problem: str | None, status: int) -> Response:
    values = {"pipeline": pipeline, "typed": typed, "problem": problem}
    return render_page(request, "delete_pipeline.html", status, section="pipelines", **values)


def _redirect_to(pipeline: PipelineView) -> Response:
    return redirect(f"/ui/pipelines/{pipeline.id}")
