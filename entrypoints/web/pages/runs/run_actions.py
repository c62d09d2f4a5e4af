"""Actions on a run: cancel it, retry it, run it again. Each redirects to a run, or shows its form again with an error."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from application.commands.runs.repeat_run import RepeatRunCommand
from application.commands.runs.retry_run import RetryRunCommand
from application.queries.views.runs import RunView
from domain.errors import Conflict, InvalidInput, TooManyWaiting
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.trace_context import get_trace_context
from entrypoints.web.form_data import get_last_values, get_text, parse_form
from entrypoints.web.lookups import get_application, require_pipeline, require_run
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.formatting import format_parameters
from entrypoints.web.view_models.forms import assign_errors, build_form_fields, parse_form_values
from entrypoints.web.view_models.parameter_forms.form_field import OMITTED, FormField
from entrypoints.web.view_models.runs.header import get_retry_stage

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
TRIGGERED_BY = "dashboard"


@router.get("/ui/runs/{run_id}/cancel")
@requires(OPERATE, ResourceScope.RUN)
async def show_cancel_form(request: Request, run_id: str) -> Response:
    """Ask for confirmation. Only browsers without scripts see this page; the others ask in a dialog."""
    run = await require_run(get_page_context(request), run_id)
    if run.status.is_terminal:
        return _redirect_to_run(run.id)
    return render_page(request, "cancel.html", section="runs", run=run)


@router.post("/ui/runs/{run_id}/cancel")
@requires(OPERATE, ResourceScope.RUN)
async def cancel(request: Request, run_id: str) -> Response:
    """Cancel the run."""
    run = await require_run(get_page_context(request), run_id)
    with suppress(Conflict):  # the run has ended meanwhile: its page says how
        await get_application(request).cancel_run()(run.id, get_actor(request))
    return _redirect_to_run(run.id)


@router.get("/ui/runs/{run_id}/retry")
@requires(OPERATE, ResourceScope.RUN)
async def show_retry_form(request: Request, run_id: str) -> Response:
    """Ask for confirmation, and for the revision if there is a newer one."""
    return await _render_retry_form(request, await require_run(get_page_context(request), run_id), "", 200)


@router.post("/ui/runs/{run_id}/retry")
@requires(OPERATE, ResourceScope.RUN)
async def retry(request: Request, run_id: str) -> Response:
    """Retry the failed, lost and cancelled stages."""
    run = await require_run(get_page_context(request), run_id)
    use_newest = get_text(await parse_form(request), "revision") == "newest"
    try:
        await get_application(request).retry_run()(RetryRunCommand(run.id, None, use_newest, get_actor(request)))
    except Conflict as error:
        return await _render_retry_form(request, await require_run(get_page_context(request), run_id), str(error), 409)
    return _redirect_to_run(run.id)


async def _render_retry_form(request: Request, run: RunView, problem: str, status: int) -> Response:
    pipeline = await require_pipeline(get_page_context(request), str(run.pipeline_id))
    values = {"run": run, "stage": get_retry_stage(run), "newest": pipeline.revision, "problem": problem}
    return render_page(request, "retry.html", status, section="runs", css=("run.css",), **values)


@router.get("/ui/runs/{run_id}/again")
@requires(TRIGGER, ResourceScope.RUN)
async def show_run_again_form(request: Request, run_id: str) -> Response:
    """Show the newest revision's parameters with this run's values."""
    run = await require_run(get_page_context(request), run_id)
    pipeline = await require_pipeline(get_page_context(request), str(run.pipeline_id))
    fields = build_form_fields(pipeline.definition, values=run.parameters)
    return _render_run_again_form(request, run, [field for field in fields if not field.is_cut], (), 200)


@router.post("/ui/runs/{run_id}/again")
@requires(TRIGGER, ResourceScope.RUN)
async def run_again(request: Request, run_id: str) -> Response:
    """Start a new run of the newest revision and redirect to it."""
    run = await require_run(get_page_context(request), run_id)
    pipeline = await require_pipeline(get_page_context(request), str(run.pipeline_id))
    form = get_last_values(await parse_form(request))
    fields = build_form_fields(pipeline.definition, form, run.parameters)
    fields = [field for field in fields if field.key in form or field.control == "checkbox"]
    values = {**_get_other_parameters(run, fields), **parse_form_values(fields)}
    if any(field.error for field in fields):
        return _render_run_again_form(request, run, fields, (), 422)
    command = RepeatRunCommand(run.id, values, TRIGGERED_BY, get_actor(request), get_trace_context(request))
    try:
        triggered = await get_application(request).repeat_run()(command)
    except InvalidInput as error:
        return _render_run_again_form(request, run, fields, assign_errors(fields, error.problems), 422)
    except Conflict as error:
        return _render_run_again_form(request, run, fields, [str(error)], 409)
    except TooManyWaiting as error:
        return _render_run_again_form(request, run, fields, [str(error)], 429)
    return _redirect_to_run(triggered.run_id)


def _get_other_parameters(run: RunView, fields: Sequence[FormField]) -> dict[str, Any]:
    """Return the run's parameters that have no form field, or too long a value for one. The new run gets them unchanged."""
    names = {field.name for field in fields if not field.is_rest}
    for field in fields:
        if field.is_rest and field.reference is not OMITTED:
            names |= field.reference.keys()
    return {name: value for name, value in run.parameters.items() if name not in names}


def _render_run_again_form(request: Request, run: RunView, fields: Sequence[FormField], problems: Sequence[str], status: int) -> Response:
    values = {"run": run, "fields": fields, "other_parameters": format_parameters(_get_other_parameters(run, fields))}
    return render_page(request, "run_again.html", status, section="runs", css=("run.css",), problems=problems, **values)


def _redirect_to_run(run_id: int) -> Response:
    return redirect(f"/ui/runs/{run_id}")
