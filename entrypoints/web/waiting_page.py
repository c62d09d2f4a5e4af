"""What waits for somebody, and the form in which a person decides an approval."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from application.queries.views import RunView, StageRunView
from domain.controls import Decision
from domain.errors import InvalidInput
from domain.status import Reason
from entrypoints.api.access import person_of
from entrypoints.web.forms import typed_of
from entrypoints.web.live_frame import MOST_RUNS
from entrypoints.web.live_waiting import WaitingView
from entrypoints.web.lookups import origin_of, run_or_404
from entrypoints.web.plain import plain_answer, wants_plain
from entrypoints.web.plain_pages import waiting_as_text
from entrypoints.web.site import site_of
from entrypoints.web.templating import page
from entrypoints.web.view_models.forms import Field, blame, fields_of_schema, values_of_schema
from entrypoints.web.view_models.waiting import groups_of, question_of, report_command, waits_of

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
    return _page(request, runs, _chosen(runs, run, stage), (), 200)


@router.post("/ui/waiting")
async def decide(request: Request, run: str = "", stage: str = "") -> Response:
    """Approve or reject; the form again, with what was typed, when it is not possible."""
    site = site_of(request)
    found = await run_or_404(site, run)
    asked = next((each for each in found.stages if each.name == stage), None)
    form = await typed_of(request)
    comment, approves = form.get("comment", "").strip()[:LONGEST_COMMENT], form.get("decision") == "approve"
    fields = fields_of_schema(asked.fields if asked else None, form)
    values = values_of_schema(fields, asked.fields if asked else None) if approves else {}
    if form.get("decision") not in ("approve", "reject"):
        raise InvalidInput.of("decision", "is approve or reject")
    problems: Sequence[str] = ()
    if asked is not None and approves and any(field.error for field in fields):
        return await _again(request, found, asked, fields, comment, problems)
    decision = Decision(approves, comment or None, values if approves and values else None)
    try:
        await request.app.state.application.decide_approval()(found.id, stage, decision, person_of(request))
    except InvalidInput as error:
        if asked is None:
            raise
        named = [type(each)(each.field.removeprefix("fields").lstrip("."), each.message) for each in error.problems]
        return await _again(request, found, asked, fields, comment, blame(fields, named))
    return RedirectResponse(f"/ui/runs/{found.id}", 303)


async def _again(
    request: Request, run: RunView, stage: StageRunView, fields: Sequence[Field], comment: str, problems: Sequence[str]
) -> Response:
    runs = await site_of(request).reader.waiting_runs(MOST_RUNS)
    return _page(request, runs, (run, stage), problems, 422, fields, comment)


def _chosen(runs: Sequence[RunView], run: str, stage: str) -> tuple[RunView, StageRunView] | None:
    """The approval that is asked for, else the only one there is."""
    approvals = [(each, one) for each in runs for one in waits_of(each) if one.newest.reason is Reason.APPROVAL]
    found = next((each for each in approvals if str(each[0].id) == run and each[1].name == stage), None)
    return found or (approvals[0] if len(approvals) == 1 and not run else None)


def _page(
    request: Request,
    runs: list[RunView],
    chosen: tuple[RunView, StageRunView] | None,
    problems: Sequence[str],
    status: int,
    fields: Sequence[Field] | None = None,
    comment: str = "",
) -> Response:
    site = site_of(request)
    schema: Mapping[str, object] | None = chosen[1].fields if chosen else None
    machine = next(((run, stage) for run in runs for stage in waits_of(run) if stage.newest.reason is Reason.EXTERNAL), None)
    return page(
        request,
        "waiting.html",
        status,
        section="waiting",
        css=("waiting.css",),
        drawing=WaitingView(site).draw_runs(runs),
        question=question_of(*chosen) if chosen else None,
        fields=fields if fields is not None else fields_of_schema(schema),
        comment=comment,
        problems=problems,
        has_approvals=any(stage.newest.reason is Reason.APPROVAL for run in runs for stage in waits_of(run)),
        report=report_command(*machine, origin_of(request)) if machine else None,
        reported=machine[1].name if machine else "",
    )
