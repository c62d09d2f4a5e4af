"""What a person does from a page: trigger, cancel, make a pipeline. Every answer is a redirect or the form again with what was typed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.commands.trigger_pipeline import TriggerCommand
from application.queries.views import PipelineView
from domain.errors import Conflict, InvalidInput, NameTaken
from domain.run import Trigger
from entrypoints.api.requests import trace_of
from entrypoints.http.auth.caller import person_of
from entrypoints.http.auth.permissions import DEFINE, OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.web.lookups import origin_of, pipeline_or_404, run_or_404
from entrypoints.web.site import frame_of, site_of
from entrypoints.web.templating import page
from entrypoints.web.view_models.forms import Field, NewPipeline, StageFields, blame, fields_of, values_of
from entrypoints.web.view_models.words import status_word

router = APIRouter(include_in_schema=False, dependencies=[Depends(frame_of)])
MOST_FIELDS = 2_000
LONGEST_FORM = 1_048_576


async def form_of(request: Request) -> Mapping[str, Sequence[str]]:
    """The posted fields; InvalidInput when they cannot be read."""
    body = await request.body()
    if len(body) > LONGEST_FORM:
        raise InvalidInput.of("form", "is at most 1 MiB long")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise InvalidInput.of("form", "cannot be read as form fields in UTF-8") from None


def last_of(form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Each field as it was said last."""
    return {key: values[-1] for key, values in form.items()}


async def typed_of(request: Request) -> dict[str, str]:
    """The posted fields of a form in which each stands once."""
    return last_of(await form_of(request))


@router.get("/ui/pipelines/{ref}/trigger")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger_form(request: Request, ref: str) -> Response:
    found = await pipeline_or_404(site_of(request), ref)
    return _trigger_page(request, found, fields_of(found.definition), (), 200)


@router.post("/ui/pipelines/{ref}/trigger")
@requires(TRIGGER, ResourceScope.PIPELINE)
async def trigger(request: Request, ref: str) -> Response:
    found = await pipeline_or_404(site_of(request), ref)
    form = await form_of(request)
    fields = fields_of(found.definition, last_of(form))
    if fields and "form" not in form:
        return RedirectResponse(f"/ui/pipelines/{found.id}/trigger", 303)
    values = values_of(fields, found.definition)
    if any(field.error for field in fields):
        return _trigger_page(request, found, fields, (), 422)
    use_case, who = request.app.state.application.trigger_pipeline(), person_of(request)
    try:
        triggered = await use_case(TriggerCommand(found.id, values, Trigger("dashboard", who.name), trace_of(request), None, who))
    except InvalidInput as error:
        return _trigger_page(request, found, fields, blame(fields, error.problems), 422)
    return RedirectResponse(f"/ui/runs/{triggered.run_id}", 303)


def _trigger_page(request: Request, found: PipelineView, fields: Sequence[Field], problems: Sequence[str], status: int) -> Response:
    return page(request, "trigger.html", status, section="pipelines", pipeline=found, fields=fields, problems=problems)


@router.get("/ui/runs/{run_id}/cancel")
@requires(OPERATE, ResourceScope.RUN)
async def cancel_form(request: Request, run_id: str) -> Response:
    """Asks first, for browsers that run no script; others ask in a dialog on the run's page."""
    found = await run_or_404(site_of(request), run_id)
    if found.status.is_terminal:
        return RedirectResponse(f"/ui/runs/{found.id}", 303)
    return page(request, "cancel.html", section="runs", run=found, status_word=status_word(found.status))


@router.post("/ui/runs/{run_id}/cancel")
@requires(OPERATE, ResourceScope.RUN)
async def cancel(request: Request, run_id: str) -> Response:
    found = await run_or_404(site_of(request), run_id)
    with suppress(Conflict):  # it ended meanwhile; the run's page says how
        await request.app.state.application.cancel_run()(found.id, person_of(request))
    return RedirectResponse(f"/ui/runs/{found.id}", 303)


@router.get("/ui/new")
@requires(DEFINE)
async def new_pipeline(request: Request) -> Response:
    return _new_page(request, NewPipeline(), 200)


@router.post("/ui/new")
@requires(DEFINE)
async def create_pipeline(request: Request) -> Response:
    typed = NewPipeline.typed(await form_of(request))
    try:
        stored = await request.app.state.application.create_pipeline()(typed.raw(), None, person_of(request))
    except InvalidInput as error:
        typed.blame(error.problems)
    except NameTaken as error:
        typed.name_error = str(error)
    else:
        return RedirectResponse(f"/ui/pipelines/{stored.id}", 303)
    return _new_page(request, typed, 422)


def _new_page(request: Request, form: NewPipeline, status: int) -> Response:
    form.stages += [StageFields() for _ in range(3 - len(form.stages))]
    return page(request, "new.html", status, section="pipelines", form=form, is_first=False, origin=origin_of(request))
