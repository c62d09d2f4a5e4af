"""One stage of a run: its attempts, its output, and the actions on it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from application.commands.runs.retry_run import RetryRunCommand
from application.queries.views.runs import RunView, StageRunView
from domain.errors import Conflict, InvalidInput, NotAllowed, NotFound
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import OPERATE, READ, ResourceScope, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import FormData, get_comment, get_text, parse_form
from entrypoints.web.lookups import get_application, require_stage
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.runs.approvals import ApprovalForm, build_approval_form, submit_approval
from entrypoints.web.templating import HEADERS, render_page
from entrypoints.web.view_models.forms import format_problems
from entrypoints.web.view_models.runs.outputs import extract_image
from entrypoints.web.view_models.runs.stage_page import build_stage_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
StageAction = Callable[[RunView, FormData], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ReasonField:
    """The reason that was entered, and what is wrong with it."""

    text: str = ""
    error: str = ""


NO_REASON: Final = ReasonField()


@router.get("/ui/runs/{run_id}/stages/{stage}")
@requires(READ, ResourceScope.RUN)
async def show_stage(request: Request, run_id: str, stage: str) -> Response:
    """Show the stage."""
    run, stage_run = await require_stage(get_page_context(request), run_id, stage)
    return await _render_stage(request, run, stage_run, build_approval_form(stage_run), (), 200)


@router.get("/ui/runs/{run_id}/stages/{stage}/images/{index}")
@requires(READ, ResourceScope.RUN)
async def get_image(request: Request, run_id: str, stage: str, index: int) -> Response:
    """Return an image from the stage's output."""
    run, stage_run = await require_stage(get_page_context(request), run_id, stage)
    image = extract_image(stage_run.newest.output, index)
    if image is None:
        raise NotFound("image", index, f"stage {stage} of {run.name}")
    body, media_type = image
    return Response(body, media_type=media_type, headers={**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"})


@router.post("/ui/runs/{run_id}/stages/{stage}/retry")
@requires(OPERATE, ResourceScope.RUN)
async def retry_stage(request: Request, run_id: str, stage: str) -> Response:
    """Start another attempt of the stage."""

    async def retry(run: RunView, form: FormData) -> None:
        await get_application(request).retry_run()(RetryRunCommand(run.id, [stage], False, get_actor(request)))

    return await _perform(request, run_id, stage, retry)


@router.post("/ui/runs/{run_id}/stages/{stage}/skip")
@requires(OPERATE, ResourceScope.RUN)
async def skip_stage(request: Request, run_id: str, stage: str) -> Response:
    """Skip the stage for the reason in the form."""

    async def skip(run: RunView, form: FormData) -> None:
        reason = get_comment(form, "message", "reason")
        if not reason:
            raise InvalidInput.for_field("reason", "is required: say why the run can continue without this stage")
        await get_application(request).skip_stage()(run.id, stage, get_actor(request), reason)

    return await _perform(request, run_id, stage, skip)


@router.post("/ui/runs/{run_id}/stages/{stage}/cancel")
@requires(OPERATE, ResourceScope.RUN)
async def cancel_stage(request: Request, run_id: str, stage: str) -> Response:
    """Cancel the stage; the rest of the run continues as its definition says."""

    async def cancel(run: RunView, form: FormData) -> None:
        await get_application(request).cancel_stage()(run.id, stage, get_actor(request), get_comment(form, "message") or None)

    return await _perform(request, run_id, stage, cancel)


@router.post("/ui/runs/{run_id}/stages/{stage}/decide")
@requires(OPERATE, ResourceScope.RUN)
async def decide(request: Request, run_id: str, stage: str) -> Response:
    """Approve or reject the stage. One form has both buttons, so that they share the comment and the fields."""
    run, stage_run = await require_stage(get_page_context(request), run_id, stage)
    try:
        form = await submit_approval(request, run, stage_run)
    except (Conflict, NotAllowed) as error:
        return await _render_refusal(request, run_id, stage, error)
    return _redirect_to_run(run) if form is None else await _render_stage(request, run, stage_run, form, (), 422)


async def _perform(request: Request, run_id: str, stage: str, action: StageAction) -> Response:
    """Perform the action and redirect to the run; if it fails, show the stage with the error."""
    run, stage_run = await require_stage(get_page_context(request), run_id, stage)
    form = await parse_form(request)
    try:
        await action(run, form)
    except InvalidInput as error:
        reason = ReasonField(get_text(form, "message"), *format_problems([each for each in error.problems if each.field == "reason"]))
        problems = format_problems(error.problems)
        return await _render_stage(request, run, stage_run, build_approval_form(stage_run), problems, 422, reason)
    except (Conflict, NotAllowed) as error:
        return await _render_refusal(request, run_id, stage, error)
    return _redirect_to_run(run)


async def _render_refusal(request: Request, run_id: str, stage: str, error: Conflict | NotAllowed) -> Response:
    """Show the stage in its current state, which explains the refusal."""
    run, stage_run = await require_stage(get_page_context(request), run_id, stage)
    status = 403 if isinstance(error, NotAllowed) else 409
    return await _render_stage(request, run, stage_run, build_approval_form(stage_run), [str(error)], status)


async def _render_stage(
    request: Request,
    run: RunView,
    stage: StageRunView,
    form: ApprovalForm,
    problems: Sequence[str],
    status: int,
    reason: ReasonField = NO_REASON,
) -> Response:
    context = get_page_context(request)
    page = await asyncio.to_thread(build_stage_page, run, stage, context.now(), context.prefect)  # rendering of Markdown takes long
    values = {"run": run, "stage": page, "approval": form, "problems": problems, "reason": reason}
    return render_page(request, "stage.html", status, section="runs", css=("run.css",), **values)


def _redirect_to_run(run: RunView) -> Response:
    return redirect(f"/ui/runs/{run.id}")
