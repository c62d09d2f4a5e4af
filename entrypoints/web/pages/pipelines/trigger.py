"""The form that triggers a pipeline with parameters."""

from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from application.commands.runs.run_opener import TriggerCommand
from application.queries.views.pipelines import PipelineView
from domain.errors import Conflict, InvalidInput, TooManyWaiting
from domain.pipelines.parsing import MAX_PRIORITY
from domain.runs.trigger import Trigger
from entrypoints.http.auth.caller import get_actor, require_permission
from entrypoints.http.auth.permissions import OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.trace_context import get_trace_context
from entrypoints.web.form_data import get_last_values, parse_form
from entrypoints.web.lookups import get_application, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.forms import assign_errors, build_form_fields, parse_form_values
from entrypoints.web.view_models.parameter_forms.form_field import FormField

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
PRIORITY: Final = "_priority"
OVER_LIMIT: Final = "_over_limit"
MAX_PRIORITY_LENGTH: Final = 8


@router.get("/ui/pipelines/{ref}/trigger")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def show_trigger_form(request: Request, ref: str) -> Response:
    """Show a field for each parameter, filled with its default."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    return _render_form(request, pipeline, build_form_fields(pipeline.definition), (), 200, {})


@router.post("/ui/pipelines/{ref}/trigger")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger(request: Request, ref: str) -> Response:
    """Trigger the pipeline and redirect to the run. Without form fields for a pipeline with parameters, redirect to the form."""
    pipeline = await require_pipeline(get_page_context(request), ref)
    form = await parse_form(request)
    texts = get_last_values(form)
    fields = build_form_fields(pipeline.definition, texts)
    if fields and "form" not in form:
        return redirect(f"/ui/pipelines/{pipeline.id}/trigger")
    values = parse_form_values(fields)
    priority, problem = _parse_priority(texts.get(PRIORITY, ""))
    if problem or any(field.error for field in fields):
        return _render_form(request, pipeline, fields, [problem] if problem else [], 422, texts)
    if OVER_LIMIT in form:
        require_permission(request, OPERATE)
    actor, trigger = get_actor(request), Trigger("dashboard", get_actor(request).name)
    command = TriggerCommand(
        pipeline.id, values, trigger, get_trace_context(request), None, actor, priority=priority, over_limit=OVER_LIMIT in form
    )
    try:
        triggered = await get_application(request).trigger_pipeline()(command)
    except InvalidInput as error:
        return _render_form(request, pipeline, fields, assign_errors(fields, error.problems), 422, texts)
    except Conflict as error:
        return _render_form(request, pipeline, fields, [str(error)], 409, texts)
    except TooManyWaiting as error:
        return _render_form(request, pipeline, fields, [str(error)], 429, texts)
    return redirect(f"/ui/runs/{triggered.run_id}")


def _parse_priority(text: str) -> tuple[int | None, str]:
    """Return the priority, None for a blank text; and what is wrong with it."""
    if not (text := text.strip()):
        return None, ""
    try:
        priority = int(text) if text.isascii() and len(text) <= MAX_PRIORITY_LENGTH else MAX_PRIORITY + 1
    except ValueError:
        priority = MAX_PRIORITY + 1
    problem = "" if abs(priority) <= MAX_PRIORITY else f"Priority must be a whole number from -{MAX_PRIORITY} to {MAX_PRIORITY}."
    return (None, problem) if problem else (priority, "")


def _render_form(
    request: Request, pipeline: PipelineView, fields: Sequence[FormField], problems: Sequence[str], status: int, texts: Mapping[str, str]
) -> Response:
    definition = pipeline.definition
    return render_page(
        request,
        "trigger.html",
        status,
        section="pipelines",
        pipeline=pipeline,
        fields=fields,
        problems=problems,
        priority=texts.get(PRIORITY, ""),
        default_priority=definition.priority,
        has_limits=bool(definition.concurrency or any(stage.uses for stage in definition.stages)),
        is_over_limit=OVER_LIMIT in texts,
    )
