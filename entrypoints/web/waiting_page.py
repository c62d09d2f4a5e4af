"""What waits for somebody, and the form in which a person decides an approval."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from application.queries.views import RunView, StageRunView
from domain.status import Reason
from entrypoints.web.approvals import AnswerForm, answer, unanswered
from entrypoints.web.live_frame import MOST_RUNS
from entrypoints.web.live_waiting import WaitingView
from entrypoints.web.lookups import origin_of, stage_or_404
from entrypoints.web.plain import plain_answer, wants_plain
from entrypoints.web.plain_pages import waiting_as_text
from entrypoints.web.site import site_of
from entrypoints.web.templating import page
from entrypoints.web.view_models.waiting import groups_of, past_answer_of, question_of, report_command, waits_of

router = APIRouter(include_in_schema=False)
LONGEST_COMMENT = 2_000


@router.get("/ui/waiting")
async def waiting(request: Request, run: str = "", stage: str = "") -> Response:
    site = site_of(request)
    runs = await site.reader.waiting_runs(MOST_RUNS)
    if wants_plain(request):
        return plain_answer(waiting_as_text(groups_of(runs, site.now())))
    site.news.saw(runs)
    request.state.waiting = await site.news.count()
    chosen = _chosen(runs, run, stage)
    return await _page(request, runs, chosen, unanswered(chosen[1] if chosen else None), 200)


@router.post("/ui/waiting")
async def decide(request: Request, run: str = "", stage: str = "") -> Response:
    """Approve or reject; the form again, with what was typed, when it is not possible."""
    site = site_of(request)
    found, asked = await stage_or_404(site, run, stage)
    again = await answer(request, found, asked)
    if again is None:
        return RedirectResponse(f"/ui/runs/{found.id}", 303)
    return await _page(request, await site.reader.waiting_runs(MOST_RUNS), (found, asked), again, 422)


def _chosen(runs: Sequence[RunView], run: str, stage: str) -> tuple[RunView, StageRunView] | None:
    """The approval that is asked for, else the only one there is."""
    approvals = [(each, one) for each in runs for one in waits_of(each) if one.newest.reason is Reason.APPROVAL]
    found = next((each for each in approvals if str(each[0].id) == run and each[1].name == stage), None)
    return found or (approvals[0] if len(approvals) == 1 and not run else None)


def _reported(runs: Sequence[RunView], run: str, stage: str) -> tuple[RunView, StageRunView] | None:
    """What is asked for, else the first that a machine has to report."""
    found = [(each, one) for each in runs for one in waits_of(each) if one.newest.reason is Reason.EXTERNAL]
    return next((each for each in found if str(each[0].id) == run and each[1].name == stage), next(iter(found), None))


async def _page(
    request: Request,
    runs: list[RunView],
    chosen: tuple[RunView, StageRunView] | None,
    answered: AnswerForm,
    status: int,
) -> Response:
    site = site_of(request)
    earlier = await site.reader.past_decisions(chosen[0].pipeline_id, chosen[1].name, before=chosen[0].id, limit=3) if chosen else ()
    machine = _reported(runs, request.query_params.get("run", ""), request.query_params.get("stage", ""))
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
        has_approvals=any(stage.newest.reason is Reason.APPROVAL for run in runs for stage in waits_of(run)),
        report=report_command(*machine, origin_of(request)) if machine else None,
        reported=machine[1].name if machine else "",
    )
