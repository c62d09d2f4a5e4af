"""Start, pause, resume and cancel backfills. The forms also work without scripts."""

from fastapi import APIRouter, Depends, Request, Response

from application.commands.backfills.preview_backfill import BackfillPreview
from application.queries.views.pipelines import PipelineView
from domain.errors import Conflict, InvalidInput
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.lookups import get_application, require_backfill, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.backfills.form import EXISTING, ORDERS, BackfillForm, describe_preview
from entrypoints.web.view_models.backfills.page import build_backfill_item

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.get("/ui/pipelines/{ref}/backfill")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def show_backfill_form(request: Request, ref: str) -> Response:
    """Ask for the ticks to run."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    return _render_form(request, pipeline, BackfillForm.create(pipeline.definition.schedules), None, 200)


@router.post("/ui/pipelines/{ref}/backfill")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def submit_backfill_form(request: Request, ref: str) -> Response:
    """Show what would run; or start it, if what was entered is what was previewed."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    posted = await parse_flat_form(request)
    form, application = BackfillForm.parse(posted), get_application(request)
    try:
        asked = form.to_request()
        if "start" in posted and form.is_previewed:
            result = await application.start_backfill()(pipeline.id, asked, get_actor(request))
            return redirect(f"/ui/backfills/{result.backfill_id}")
        return _render_form(request, pipeline, form, await application.preview_backfill()(pipeline.id, asked), 200)
    except InvalidInput as error:
        return _render_form(request, pipeline, form.with_problems(error.problems), None, 422)
    except Conflict as error:
        return _render_form(request, pipeline, BackfillForm(form.texts, problems=[str(error)]), None, 409)


@router.post("/ui/backfills/{backfill_id}/pause")
@requires(OPERATE)
async def pause(request: Request, backfill_id: str) -> Response:
    """Stop the backfill from opening runs."""
    view = await require_backfill(get_page_context(request), backfill_id)
    await get_application(request).pause_backfill()(view.id, get_actor(request))
    return redirect(f"/ui/backfills/{view.id}")


@router.post("/ui/backfills/{backfill_id}/resume")
@requires(OPERATE)
async def resume(request: Request, backfill_id: str) -> Response:
    """Let the backfill open runs again."""
    view = await require_backfill(get_page_context(request), backfill_id)
    await get_application(request).resume_backfill()(view.id, get_actor(request))
    return redirect(f"/ui/backfills/{view.id}")


@router.get("/ui/backfills/{backfill_id}/cancel")
@requires(OPERATE)
async def show_cancel_form(request: Request, backfill_id: str) -> Response:
    """Ask whether its runs are cancelled, too."""
    view = await require_backfill(get_page_context(request), backfill_id)
    return render_page(request, "cancel_backfill.html", section="schedule", backfill=build_backfill_item(view))


@router.post("/ui/backfills/{backfill_id}/cancel")
@requires(OPERATE)
async def cancel(request: Request, backfill_id: str) -> Response:
    """Cancel the pending ticks, and the unfinished runs if asked."""
    view = await require_backfill(get_page_context(request), backfill_id)
    cancels_runs = (await parse_flat_form(request)).get("runs") == "true"
    await get_application(request).cancel_backfill()(view.id, cancels_runs, get_actor(request))
    return redirect(f"/ui/backfills/{view.id}")


def _render_form(request: Request, pipeline: PipelineView, form: BackfillForm, preview: BackfillPreview | None, status: int) -> Response:
    return render_page(
        request,
        "new_backfill.html",
        status,
        section="pipelines",
        css=("backfills.css",),
        pipeline=pipeline,
        schedules=[schedule.name for schedule in pipeline.definition.schedules],
        form=form,
        orders=ORDERS,
        existing=EXISTING,
        preview=describe_preview(preview) if preview is not None else [],
        may_start=preview is not None and preview.ticks > 0,
    )
