"""What a person does from a page: trigger, cancel, make a pipeline. Every answer is a redirect or the form again with what was typed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.commands.runs.trigger_pipeline import TriggerCommand
from application.queries.views.pipelines import PipelineView
from domain.errors import Conflict, InvalidInput, NameTaken
from domain.runs.trigger import Trigger
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import DEFINE, OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.http.trace_context import get_trace_context
from entrypoints.web.lookups import get_origin, pipeline_or_404, run_or_404
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.forms import FormField, NewPipelineForm, StageFormRow, assign_errors, build_form_fields, parse_form_values

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
MOST_FIELDS = 2_000
LONGEST_FORM = 1_048_576


async def parse_form(request: Request) -> Mapping[str, Sequence[str]]:
    """The posted fields; InvalidInput when they cannot be read."""
    body = await request.body()
    if len(body) > LONGEST_FORM:
        raise InvalidInput.for_field("form", "is at most 1 MiB long")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise InvalidInput.for_field("form", "cannot be read as form fields in UTF-8") from None


def get_last_values(form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Each field as it was said last."""
    return {key: values[-1] for key, values in form.items()}


async def parse_flat_form(request: Request) -> dict[str, str]:
    """The posted fields of a form in which each stands once."""
    return get_last_values(await parse_form(request))


@router.get("/ui/pipelines/{ref}/trigger")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger_form(request: Request, ref: str) -> Response:
    found = await pipeline_or_404(get_page_context(request), ref)
    return _trigger_page(request, found, build_form_fields(found.definition), (), 200)


@router.post("/ui/pipelines/{ref}/trigger")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger(request: Request, ref: str) -> Response:
    found = await pipeline_or_404(get_page_context(request), ref)
    form = await parse_form(request)
    fields = build_form_fields(found.definition, get_last_values(form))
    if fields and "form" not in form:
        return RedirectResponse(f"/ui/pipelines/{found.id}/trigger", 303)
    values = parse_form_values(fields, found.definition)
    if any(field.error for field in fields):
        return _trigger_page(request, found, fields, (), 422)
    use_case, who = request.app.state.application.trigger_pipeline(), get_actor(request)
    try:
        triggered = await use_case(TriggerCommand(found.id, values, Trigger("dashboard", who.name), get_trace_context(request), None, who))
    except InvalidInput as error:
        return _trigger_page(request, found, fields, assign_errors(fields, error.problems), 422)
    return RedirectResponse(f"/ui/runs/{triggered.run_id}", 303)


def _trigger_page(request: Request, found: PipelineView, fields: Sequence[FormField], problems: Sequence[str], status: int) -> Response:
    return render_page(request, "trigger.html", status, section="pipelines", pipeline=found, fields=fields, problems=problems)


@router.get("/ui/runs/{run_id}/cancel")
@requires(OPERATE, ResourceScope.RUN)
async def cancel_form(request: Request, run_id: str) -> Response:
    """Asks first, for browsers that run no script; others ask in a dialog on the run's page."""
    found = await run_or_404(get_page_context(request), run_id)
    if found.status.is_terminal:
        return RedirectResponse(f"/ui/runs/{found.id}", 303)
    return render_page(request, "cancel.html", section="runs", run=found, get_status_label=get_status_label(found.status))


@router.post("/ui/runs/{run_id}/cancel")
@requires(OPERATE, ResourceScope.RUN)
async def cancel(request: Request, run_id: str) -> Response:
    found = await run_or_404(get_page_context(request), run_id)
    with suppress(Conflict):  # it ended meanwhile; the run's page says how
        await request.app.state.application.cancel_run()(found.id, get_actor(request))
    return RedirectResponse(f"/ui/runs/{found.id}", 303)


@router.get("/ui/new")
@requires(DEFINE)
async def new_pipeline(request: Request) -> Response:
    return _new_page(request, NewPipelineForm(), 200)


@router.post("/ui/new")
@requires(DEFINE)
async def create_pipeline(request: Request) -> Response:
    typed = NewPipelineForm.typed(await parse_form(request))
    try:
        stored = await request.app.state.application.create_pipeline()(typed.raw(), None, get_actor(request))
    except InvalidInput as error:
        typed.assign_errors(error.problems)
    except NameTaken as error:
        typed.name_error = str(error)
    else:
        return RedirectResponse(f"/ui/pipelines/{stored.id}", 303)
    return _new_page(request, typed, 422)


def _new_page(request: Request, form: NewPipelineForm, status: int) -> Response:
    form.stages += [StageFormRow() for _ in range(3 - len(form.stages))]
    return render_page(request, "new.html", status, section="pipelines", form=form, is_first=False, origin=get_origin(request))
