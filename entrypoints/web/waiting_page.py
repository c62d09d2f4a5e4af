"""What waits for somebody, and the form in which a person decides an approval."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.queries.views import RunView, StageRunView
from domain.status import Reason
from entrypoints.http.auth.permissions import OPERATE, READ, requires
from entrypoints.web.approvals import AnswerForm, answer, unanswered
from entrypoints.web.live_frame import MOST_RUNS
from entrypoints.web.live_waiting import WaitingView
from entrypoints.web.lookups import origin_of, stage_or_404
from entrypoints.web.plain import plain_answer, wants_plain
from entrypoints.web.plain_pages import waiting_as_text
from entrypoints.web.site import frame_of, site_of
from entrypoints.web.templating import page
from entrypoints.web.view_models.waiting import groups_of, past_answer_of, question_of, report_command, waits_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(frame_of)])
Asked = tuple[RunView, StageRunView]
"""A stage that waits for somebody, and its run."""


@router.get("/ui/waiting")
@requires(READ)
async def waiting(request: Request, run: str = "", stage: str = "") -> Response:
    site = site_of(request)
    runs = await site.reader.waiting_runs(MOST_RUNS)
    if wants_plain(request):
        return plain_answer(waiting_as_text(groups_of(runs, site.now())))
    site.news.saw(runs)
    request.state.waiting = await site.news.count()
    approvals = _awaiting(runs, Reason.APPROVAL)
    chosen = _named(approvals, run, stage) or (approvals[0] if len(approvals) == 1 and not run else None)
    return await _page(request, runs, (run, stage), chosen, unanswered(chosen[1] if chosen else None), 200)


@router.post("/ui/waiting")
@requires(OPERATE)
async def decide(request: Request, run: str = "", stage: str = "") -> Response:
    """Approve or reject; the form again, with what was typed, when it is not possible."""
    site = site_of(request)
    found, asked = await stage_or_404(site, run, stage)
    again = await answer(request, found, asked)
    if again is None:
        return RedirectResponse(f"/ui/runs/{found.id}", 303)
    return await _page(request, await site.reader.waiting_runs(MOST_RUNS), (run, stage), (found, asked), again, 422)


def _awaiting(runs: Sequence[RunView], reason: Reason) -> list[Asked]:
    return [(run, stage) for run in runs for stage in waits_of(run) if stage.newest.reason is reason]


def _named(waits: Sequence[Asked], run: str, stage: str) -> Asked | None:
    return next((each for each in waits if str(each[0].id) == run and each[1].name == stage), None)


async def _page(
    request: Request,
    runs: list[RunView],
    named: tuple[str, str],
    chosen: Asked | None,
    answered: AnswerForm,
    status: int,
) -> Response:
    site = site_of(request)
    earlier = await site.reader.past_decisions(chosen[0].pipeline_id, chosen[1].name, before=chosen[0].id, limit=3) if chosen else ()
    machines = _awaiting(runs, Reason.EXTERNAL)
    machine = _named(machines, *named) or next(iter(machines), None)
    return page(
        request,
        "waiting.html",
        status,
        section="waiting",
        css=("waiting.css",),
        drawing=WaitingView(site).draw_runs(runs),
        question=question_of(*chosen) if chosen else None,
        answer=answered,
        earlier=[past_answer_of(each) for each in earlier],
        has_approvals=bool(_awaiting(runs, Reason.APPROVAL)),
        report=report_command(*machine, origin_of(request)) if machine else None,
        reported=machine[1].name if machine else "",
    )
