"""The form that triggers a pipeline with parameters."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response

from application.commands.runs.run_opener import TriggerCommand
from application.queries.views.pipelines import PipelineView
from domain.errors import Conflict, InvalidInput
from domain.runs.trigger import Trigger
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import TRIGGER, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.trace_context import get_trace_context
from entrypoints.web.form_data import get_last_values, parse_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.forms import assign_errors, build_form_fields, parse_form_values
from entrypoints.web.view_models.parameter_forms.form_field import FormField

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])


@router.get("/ui/pipelines/{ref}/trigger")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def show_trigger_form(request: Request, ref: str) -> Response:
    """Show a field for each parameter, filled with its default."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    return _render_form(request, pipeline, build_form_fields(pipeline.definition), (), 200)


@router.post("/ui/pipelines/{ref}/trigger")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger(request: Request, ref: str) -> Response:
    """Trigger the pipeline and redirect to the run. Without form fields for a pipeline with parameters, redirect to the form."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    form = await parse_form(request)
    fields = build_form_fields(pipeline.definition, get_last_values(form))
    if fields and "form" not in form:
        return redirect(f"/ui/pipelines/{pipeline.id}/trigger")
    values = parse_form_values(fields)
    if any(field.error for field in fields):
        return _render_form(request, pipeline, fields, (), 422)
    actor = get_actor(request)
    command = TriggerCommand(pipeline.id, values, Trigger("dashboard", actor.name), get_trace_context(request), None, actor)
    try:
        triggered = await get_application(request).trigger_pipeline()(command)
    except InvalidInput as error:
        return _render_form(request, pipeline, fields, assign_errors(fields, error.problems), 422)
    except Conflict as error:
        return _render_form(request, pipeline, fields, [str(error)], 409)
    return redirect(f"/ui/runs/{triggered.run_id}")


def _render_form(request: Request, pipeline: PipelineView, fields: Sequence[FormField], problems: Sequence[str], status: int) -> Response:
    return render_page(request, "trigger.html", status, section="pipelines", pipeline=pipeline, fields=fields, problems=problems)
