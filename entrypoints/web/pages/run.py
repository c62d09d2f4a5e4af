"""A run's page, more of its log, its log as a file, and its whole history."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from application.queries.explain.run_context import RunContext
from application.queries.runs.load_comparison import load_comparison
from application.queries.views.logs import LogFilter
from domain.runs.status import Status
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web.live.run_page import EVENTS_SHOWN, LiveRunPage, render_log_lines
from entrypoints.web.lookups import run_or_404
from entrypoints.web.page_context import PageContext, get_page_context, load_waiting_count
from entrypoints.web.templating import HEADERS, render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_run
from entrypoints.web.view_models.log.lines import FIRST_SHOWN
from entrypoints.web.view_models.log.pane import error_line, log_pane
from entrypoints.web.view_models.log.query import VIEWS, LogQuery
from entrypoints.web.view_models.runs.comparison import build_comparison_page
from entrypoints.web.view_models.runs.events import build_event_items
from entrypoints.web.view_models.runs.header import build_run_header

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
EVENTS_A_PAGE = 200
MOST_SEQ = 2**31
RUNS_TO_CHOOSE = 40


@router.get("/ui/runs/{run_id}")
@requires(READ, ResourceScope.RUN)
async def run(request: Request, run_id: str) -> Response:
    site = get_page_context(request)
    found = await run_or_404(site, run_id)
    if wants_text(request):
        return text_response(format_run(found, await site.run_context_cache.around(found)))
    choice = LogQuery.of(request.query_params, found)
    events = await site.reader.newest_events(found.id, EVENTS_SHOWN)
    drawing = await LiveRunPage(site, found.id, choice.view, choice.wanted).render_run_view(found, events)
    pane = await log_pane(site.reader, found, choice, await error_line(site.reader, found))
    newest = await site.reader.log_window(found.id, choice.wanted, limit=1, last=True)
    after = pane.last if pane.is_tail else newest[-1].n if newest else 0
    stream = {"view": choice.view, **choice.filters, "seen": drawing.digest, "after": after}
    return render_page(
        request,
        "run.html",
        section="runs",
        css=("run.css",),
        head=build_run_header(found, RunContext(site.now()), None, site.prefect_url, site.datadog_site),
        drawing=drawing,
        view=choice.view,
        views=[(each, f"/ui/runs/{found.id}?{choice.newest().with_changes(view=each, text='').query}") for each in VIEWS],
        log=pane,
        stream=f"/ui/live/runs/{found.id}?{urlencode(stream)}",
    )


@router.get("/ui/runs/{run_id}/lines")
@requires(READ, ResourceScope.RUN)
async def lines(request: Request, run_id: str) -> Response:
    """The next lines before or after a place, for the script that shows them as one scrolls; nothing when there are no more."""
    site = get_page_context(request)
    found = await run_or_404(site, run_id)
    choice = LogQuery.of(request.query_params, found)
    shown = await site.reader.log_window(
        found.id, choice.wanted, limit=FIRST_SHOWN, above=choice.after or 0, below=choice.before, last=choice.after is None
    )
    return Response(render_log_lines(shown).encode("utf-8", "replace"), media_type="text/html; charset=utf-8", headers=HEADERS)


@router.get("/ui/runs/{run_id}/log.txt")
@requires(READ, ResourceScope.RUN)
async def log_text(request: Request, run_id: str) -> Response:
    """The log as it was written, colours and all; of one stage, attempt or stream when asked."""
    site = get_page_context(request)
    found = await run_or_404(site, run_id)
    choice = LogQuery.of(request.query_params, found)
    parts = [
        found.pipeline,
        str(found.number),
        *([choice.stage] if choice.stage else []),
        *([f"attempt-{choice.attempt}"] if choice.attempt else []),
    ]
    name = "-".join(parts).replace('"', "").encode("ascii", "replace").decode()
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.log"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_log_text(site, found.id, choice.wanted), media_type="text/plain; charset=utf-8", headers=headers)


async def _log_text(site: PageContext, run_id: int, wanted: LogFilter) -> AsyncIterator[bytes]:
    after = 0
    while lines := await site.reader.log_window(run_id, wanted, above=after, limit=2_000):
        after = lines[-1].n
        yield "".join(f"{line.text}\n" for line in lines).encode("utf-8", "replace")


@router.get("/ui/runs/{run_id}/events")
@requires(READ, ResourceScope.RUN)
async def events(request: Request, run_id: str, before: str = "") -> Response:
    """The whole history, a page at a time, newest first."""
    site = get_page_context(request)
    found = await run_or_404(site, run_id)
    end = min(int(before), MOST_SEQ) if before.isascii() and before.isdigit() and len(before) < 16 else found.last_seq + 1
    first = max(0, end - 1 - EVENTS_A_PAGE)
    shown = [event for event in await site.reader.events(found.id, first, EVENTS_A_PAGE) if event.seq < end][::-1]
    return render_page(
        request,
        "events.html",
        section="runs",
        css=("run.css",),
        run=found,
        events=build_event_items(shown),
        earlier=f"/ui/runs/{found.id}/events?before={first + 1}" if first > 0 else None,
        later=f"/ui/runs/{found.id}/events?before={min(end + EVENTS_A_PAGE, found.last_seq + 1)}" if end <= found.last_seq else None,
    )


@router.get("/ui/runs/{run_id}/compare")
@requires(READ, ResourceScope.RUN)
async def compare_with(request: Request, run_id: str) -> Response:
    """Leads to the comparison with the run chosen; else with the last that completed before it, or the one before."""
    site = get_page_context(request)
    found = await run_or_404(site, run_id)
    wanted = request.query_params.get("with", "")
    if wanted:
        other = await run_or_404(site, wanted)
        return RedirectResponse(f"/ui/runs/{other.id}/compare/{found.id}", 303)
    before = [
        *await site.reader.runs(pipeline_id=found.pipeline_id, status=Status.COMPLETED, skip=0, limit=1, below=found.id),
        *await site.reader.runs(pipeline_id=found.pipeline_id, status=None, skip=0, limit=2),
    ]
    other = next((each for each in before if each.id != found.id), found)
    return RedirectResponse(f"/ui/runs/{other.id}/compare/{found.id}", 303)


@router.get("/ui/runs/{before_id}/compare/{after_id}")
@requires(READ)
async def compare_runs(request: Request, before_id: str, after_id: str) -> Response:
    site = get_page_context(request)
    before, after = await run_or_404(site, before_id), await run_or_404(site, after_id)
    found = await load_comparison(before, after, site.reader)
    others = await site.reader.runs(pipeline_id=after.pipeline_id, status=None, skip=0, limit=RUNS_TO_CHOOSE)
    if all(each.id != before.id for each in others):
        others.append(before)
    return render_page(request, "compare.html", section="runs", css=("run.css",), compared=build_comparison_page(found, others))
