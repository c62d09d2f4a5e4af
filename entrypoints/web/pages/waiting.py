"""The stages that wait for a person or a machine, and the form that decides an approval."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response

from application.queries.views.history import PastDecision
from application.queries.views.runs import RunView, StageRunView
from domain.runs.status import Reason
from entrypoints.http.auth.permissions import OPERATE, READ, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.live.waiting_count import MAX_RUNS
from entrypoints.web.live.waiting_page import LiveWaitingPage
from entrypoints.web.lookups import get_origin, require_run, require_stage
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.pages.runs.approvals import ApprovalForm, build_approval_form, submit_approval
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_waiting
from entrypoints.web.view_models.waiting import (
    build_approval_question,
    build_past_decision,
    build_report_command,
    get_waiting_stages,
    group_waiting_items,
)

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
PAST_DECISIONS_SHOWN = 3
WaitingStage = tuple[RunView, StageRunView]
"""A waiting stage with its run."""


@router.get("/ui/waiting")
@requires(READ)
async def list_waiting_stages(request: Request, run: str = "", stage: str = "") -> Response:
    """Show all waiting stages, and the approval form of the chosen stage or of the only one that waits for approval."""
    context = get_page_context(request)
    if run:
        await (require_stage(context, run, stage) if stage else require_run(context, run))
    runs = await context.reader.waiting_runs(MAX_RUNS)
    if wants_text(request):
        return text_response(format_waiting(group_waiting_items(runs, context.now())))
    context.waiting_counter.record(runs)
    request.state.waiting = await context.waiting_counter.count()
    approvals = _get_stages(runs, Reason.APPROVAL)
    chosen = _find_stage(approvals, run, stage) or (approvals[0] if len(approvals) == 1 and not run else None)
    return await _render(request, runs, (run, stage), chosen, build_approval_form(chosen[1] if chosen else None), 200)


@router.post("/ui/waiting")
@requires(OPERATE)
async def decide(request: Request, run: str = "", stage: str = "") -> Response:
    """Approve or reject, or show the form again with its errors."""
    context = get_page_context(request)
    found, stage_run = await require_stage(context, run, stage)
    form = await submit_approval(request, found, stage_run)
    if form is None:
        return redirect(f"/ui/runs/{found.id}")
    return await _render(request, await context.reader.waiting_runs(MAX_RUNS), (run, stage), (found, stage_run), form, 422)


def _get_stages(runs: Sequence[RunView], reason: Reason) -> list[WaitingStage]:
    return [(run, stage) for run in runs for stage in get_waiting_stages(run) if stage.newest.reason is reason]


def _find_stage(stages: Sequence[WaitingStage], run_id: str, name: str) -> WaitingStage | None:
    return next((each for each in stages if str(each[0].id) == run_id and each[1].name == name), None)


async def _render(
    request: Request,
    runs: list[RunView],
    selection: tuple[str, str],
    chosen: WaitingStage | None,
    form: ApprovalForm,
    status: int,
) -> Response:
    """Render the page. `selection` is the run id and stage name in the URL; `chosen` is the stage whose approval form is shown."""
    reader = get_page_context(request).reader
    past: Sequence[PastDecision] = ()
    if chosen:
        past = await reader.past_decisions(chosen[0].pipeline_id, chosen[1].name, before=chosen[0].id, limit=PAST_DECISIONS_SHOWN)
    external = _get_stages(runs, Reason.EXTERNAL)
    reported = _find_stage(external, *selection) or (None if selection[0] else next(iter(external), None))
    return render_page(
        request,
        "waiting.html",
        status,
        section="waiting",
        css=("waiting.css",),
        rendered=LiveWaitingPage(get_page_context(request)).render_runs(runs),
        question=build_approval_question(*chosen) if chosen else None,
        approval=form,
        past_decisions=[build_past_decision(each) for each in past],
        has_approvals=bool(_get_stages(runs, Reason.APPROVAL)),
        report_command=build_report_command(*reported, get_origin(request)) if reported else None,
        reported_stage=reported[1].name if reported else "",
    )
