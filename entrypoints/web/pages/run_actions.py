"""What a person does to a run from its pages: every answer is a redirect to the run, or the form again with a sentence."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.commands.runs.repeat_run import RepeatRunCommand
from application.commands.runs.retry_run import RetryRunCommand
from application.queries.views.runs import RunView, StageRunView
from domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import OPERATE, READ, TRIGGER, ResourceScope, requires
from entrypoints.http.trace_context import get_trace_context
from entrypoints.web.lookups import pipeline_or_404, run_or_404, stage_or_404
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.pages.approvals import ApprovalForm, answer, build_approval_form
from entrypoints.web.pages.trigger import get_last_values, parse_form
from entrypoints.web.templating import HEADERS, render_page
from entrypoints.web.view_models.formatting import format_parameters
from entrypoints.web.view_models.forms import (
    FormField,
    assign_errors,
    build_form_fields,
    fill_form_fields,
    format_problems,
    parse_form_values,
)
from entrypoints.web.view_models.runs.header import retried_from
from entrypoints.web.view_models.runs.outputs import extract_image
from entrypoints.web.view_models.runs.stage_page import build_stage_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
LONGEST_WORD = 2_000
FROM_A_PAGE = "dashboard"


def _to_run(run: RunView) -> Response:
    return RedirectResponse(f"/ui/runs/{run.id}", 303)


@router.get("/ui/runs/{run_id}/retry")
@requires(OPERATE, ResourceScope.RUN)
async def retry_form(request: Request, run_id: str) -> Response:
    return await _retry_page(request, await run_or_404(get_page_context(request), run_id), "", 200)


@router.post("/ui/runs/{run_id}/retry")
@requires(OPERATE, ResourceScope.RUN)
async def retry(request: Request, run_id: str) -> Response:
    found = await run_or_404(get_page_context(request), run_id)
    newest = _word(await parse_form(request), "revision") == "newest"
    try:
        await request.app.state.application.retry_run()(RetryRunCommand(found.id, None, newest, get_actor(request)))
    except Conflict as error:
        return await _retry_page(request, await run_or_404(get_page_context(request), run_id), str(error), 409)
    return _to_run(found)


async def _retry_page(request: Request, run: RunView, problem: str, status: int) -> Response:
    pipeline = await pipeline_or_404(get_page_context(request), str(run.pipeline_id))
    values = {"run": run, "stage": retried_from(run), "newest": pipeline.revision, "problem": problem}
    return render_page(request, "retry.html", status, section="runs", css=("run.css",), **values)


@router.get("/ui/runs/{run_id}/again")
@requires(TRIGGER, ResourceScope.RUN)
async def again_form(request: Request, run_id: str) -> Response:
    found = await run_or_404(get_page_context(request), run_id)
    pipeline = await pipeline_or_404(get_page_context(request), str(found.pipeline_id))
    return _again_page(request, found, fill_form_fields(build_form_fields(pipeline.definition), found.parameters), (), 200)


@router.post("/ui/runs/{run_id}/again")
@requires(TRIGGER, ResourceScope.RUN)
async def again(request: Request, run_id: str) -> Response:
    found = await run_or_404(get_page_context(request), run_id)
    pipeline = await pipeline_or_404(get_page_context(request), str(found.pipeline_id))
    form = await parse_form(request)
    fields = build_form_fields(pipeline.definition, get_last_values(form))
    values = {**_without_a_field(found, fields), **parse_form_values(fields, pipeline.definition)}
    if any(field.error for field in fields):
        return _again_page(request, found, fields, (), 422)
    wanted = RepeatRunCommand(found.id, values, FROM_A_PAGE, get_actor(request), get_trace_context(request))
    try:
        triggered = await request.app.state.application.repeat_run()(wanted)
    except InvalidInput as error:
        return _again_page(request, found, fields, assign_errors(fields, error.problems), 422)
    return RedirectResponse(f"/ui/runs/{triggered.run_id}", 303)


def _without_a_field(run: RunView, fields: Sequence[FormField]) -> dict[str, Any]:
    """Parameters that the schema does not name stay as they were."""
    named = {field.name for field in fields}
    return {name: value for name, value in run.parameters.items() if name not in named}


def _again_page(request: Request, run: RunView, fields: Sequence[FormField], problems: Sequence[str], status: int) -> Response:
    kept = format_parameters(_without_a_field(run, fields))
    return render_page(
        request, "again.html", status, section="runs", css=("run.css",), run=run, fields=fields, kept=kept, problems=problems
    )


@router.get("/ui/runs/{run_id}/stages/{stage}")
@requires(READ, ResourceScope.RUN)
async def stage(request: Request, run_id: str, stage: str) -> Response:
    """A stage of a run: its attempts, what it handed over, and what may be done to it."""
    run, found = await stage_or_404(get_page_context(request), run_id, stage)
    return _stage_page(request, run, found, build_approval_form(found), (), 200)


@router.get("/ui/runs/{run_id}/stages/{stage}/images/{index}")
@requires(READ, ResourceScope.RUN)
async def image(request: Request, run_id: str, stage: str, index: int) -> Response:
    _, found = await stage_or_404(get_page_context(request), run_id, stage)
    shown = extract_image(found.newest.output, index)
    if shown is None:
        raise NotFound("image", index)
    return Response(shown[0], media_type=shown[1], headers={**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"})


@router.post("/ui/runs/{run_id}/stages/{stage}/retry")
@requires(OPERATE, ResourceScope.RUN)
async def retry_stage(request: Request, run_id: str, stage: str) -> Response:
    who = get_actor(request)
    return await _act(
        request, run_id, stage, lambda run, form: request.app.state.application.retry_run()(RetryRunCommand(run.id, [stage], False, who))
    )


@router.post("/ui/runs/{run_id}/stages/{stage}/skip")
@requires(OPERATE, ResourceScope.RUN)
async def skip_stage(request: Request, run_id: str, stage: str) -> Response:
    async def act(run: RunView, form: Mapping[str, Sequence[str]]) -> None:
        reason = _word(form, "message")
        if not reason:
            raise InvalidInput.for_field("reason", "is needed: say why the run may go on without this stage")
        await request.app.state.application.skip_stage()(run.id, stage, get_actor(request), reason)

    return await _act(request, run_id, stage, act)


@router.post("/ui/runs/{run_id}/stages/{stage}/cancel")
@requires(OPERATE, ResourceScope.RUN)
async def cancel_stage(request: Request, run_id: str, stage: str) -> Response:
    who = get_actor(request)
    return await _act(
        request,
        run_id,
        stage,
        lambda run, form: request.app.state.application.cancel_stage()(run.id, stage, who, _word(form, "message") or None),
    )


@router.post("/ui/runs/{run_id}/stages/{stage}/decide")
@requires(OPERATE, ResourceScope.RUN)
async def decide(request: Request, run_id: str, stage: str) -> Response:
    """Two buttons of one form, so that the comment and the fields serve both."""
    run, found = await stage_or_404(get_page_context(request), run_id, stage)
    try:
        again = await answer(request, run, found)
    except (Conflict, NotAllowed) as error:
        return await _refused(request, run_id, stage, error)
    return _to_run(run) if again is None else _stage_page(request, run, found, again, (), 422)


Act = Callable[[RunView, Mapping[str, Sequence[str]]], Awaitable[object]]


async def _act(request: Request, run_id: str, stage: str, act: Act) -> Response:
    run, found = await stage_or_404(get_page_context(request), run_id, stage)
    try:
        await act(run, await parse_form(request))
    except InvalidInput as error:
        return _stage_page(request, run, found, build_approval_form(found), format_problems(error.problems), 422)
    except (Conflict, NotAllowed) as error:
        return await _refused(request, run_id, stage, error)
    return _to_run(run)


async def _refused(request: Request, run_id: str, stage: str, error: Conflict | NotAllowed) -> Response:
    """The page as things stand now, which is why it was refused."""
    run, found = await stage_or_404(get_page_context(request), run_id, stage)
    return _stage_page(request, run, found, build_approval_form(found), [str(error)], 403 if isinstance(error, NotAllowed) else 409)


def _stage_page(
    request: Request, run: RunView, found: StageRunView, answered: ApprovalForm, problems: Sequence[str], status: int
) -> Response:
    shown = build_stage_page(run, found, get_page_context(request).now())
    return render_page(
        request, "stage.html", status, section="runs", css=("run.css",), run=run, stage=shown, answer=answered, problems=problems
    )


def _word(form: Mapping[str, Sequence[str]], key: str) -> str:
    return next(iter(form.get(key, ())), "").replace("\0", "").strip()[:LONGEST_WORD]
