"""What waits for somebody, and the form in which a person decides an approval."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.queries.views.runs import RunView, StageRunView
from domain.runs.status import Reason
from entrypoints.http.auth.permissions import OPERATE, READ, requires
from entrypoints.web.live.waiting_count import MOST_RUNS
from entrypoints.web.live.waiting_page import LiveWaitingPage
from entrypoints.web.lookups import get_origin, stage_or_404
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.pages.approvals import ApprovalForm, answer, build_approval_form
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_waiting
from entrypoints.web.view_models.waiting import (
    build_approval_question,
    build_past_decision,
    build_report_command,
    get_waiting_stages,
    group_waits,
)

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
WaitingStage = tuple[RunView, StageRunView]
"""A stage that waits for somebody, and its run."""


@router.get("/ui/waiting")
@requires(READ)
async def waiting(request: Request, run: str = "", stage: str = "") -> Response:
    site = get_page_context(request)
    runs = await site.reader.waiting_runs(MOST_RUNS)
    if wants_text(request):
        return text_response(format_waiting(group_waits(runs, site.now())))
    site.waiting_counter.record(runs)
    request.state.waiting = await site.waiting_counter.count()
    approvals = _awaiting(runs, Reason.APPROVAL)
    chosen = _named(approvals, run, stage) or (approvals[0] if len(approvals) == 1 and not run else None)
    return await _page(request, runs, (run, stage), chosen, build_approval_form(chosen[1] if chosen else None), 200)


@router.post("/ui/waiting")
@requires(OPERATE)
async def decide(request: Request, run: str = "", stage: str = "") -> Response:
    """Approve or reject; the form again, with what was typed, when it is not possible."""
    site = get_page_context(request)
    found, asked = await stage_or_404(site, run, stage)
    again = await answer(request, found, asked)
    if again is None:
        return RedirectResponse(f"/ui/runs/{found.id}", 303)
    return await _page(request, await site.reader.waiting_runs(MOST_RUNS), (run, stage), (found, asked), again, 422)


def _awaiting(runs: Sequence[RunView], reason: Reason) -> list[WaitingStage]:
    return [(run, stage) for run in runs for stage in get_waiting_stages(run) if stage.newest.reason is reason]


def _named(waits: Sequence[WaitingStage], run: str, stage: str) -> WaitingStage | None:
    return next((each for each in waits if str(each[0].id) == run and each[1].name == stage), None)


async def _page(
    request: Request,
    runs: list[RunView],
    named: tuple[str, str],
    chosen: WaitingStage | None,
    answered: ApprovalForm,
    status: int,
) -> Response:
    site = get_page_context(request)
    earlier = await site.reader.past_decisions(chosen[0].pipeline_id, chosen[1].name, before=chosen[0].id, limit=3) if chosen else ()
    machines = _awaiting(runs, Reason.EXTERNAL)
    machine = _named(machines, *named) or next(iter(machines), None)
    return render_page(
        request,
        "waiting.html",
        status,
        section="waiting",
        css=("waiting.css",),
        drawing=LiveWaitingPage(site).render_runs(runs),
        question=build_approval_question(*chosen) if chosen else None,
        answer=answered,
        earlier=[build_past_decision(each) for each in earlier],
        has_approvals=bool(_awaiting(runs, Reason.APPROVAL)),
        report=build_report_command(*machine, get_origin(request)) if machine else None,
        reported=machine[1].name if machine else "",
    )
