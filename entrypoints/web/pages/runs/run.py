"""A run's page and its history of events."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from application.queries.explain.run_context import RunContext
from application.queries.runs.error_line import find_selected_error_line
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web.live.run_page import EVENTS_SHOWN, LiveRunPage
from entrypoints.web.lookups import require_run
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_run
from entrypoints.web.view_models.log.pane import build_log_pane
from entrypoints.web.view_models.log.query import VIEWS, LogQuery
from entrypoints.web.view_models.runs.events import build_event_items
from entrypoints.web.view_models.runs.header import build_run_header

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
EVENTS_PER_PAGE = 200
MAX_SEQ = 2**31
MAX_UNBOXED_STAGES = 16
"""Stages whose rows are shown in full. More of them scroll in a box, so that the log below is near."""


@router.get("/ui/runs/{run_id}")
@requires(READ, ResourceScope.RUN)
async def show_run(request: Request, run_id: str) -> Response:
    """Show a run: its status, its stages in the chosen view, its outputs, its log and its events."""
    context = get_page_context(request)
    run = await require_run(context, run_id)
    if wants_text(request):
        return text_response(format_run(run, await context.run_contexts.load(run)))
    query = LogQuery.parse(request.query_params, run)
    events = await context.reader.newest_events(run.id, EVENTS_SHOWN)
    rendered = await LiveRunPage(context, run.id, query).render_run(run, events)
    error_line = await find_selected_error_line(context.reader, run, query.stage, query.attempt, only_failed=query.is_at_error)
    log = await build_log_pane(context.reader, run, query, error_line)
    after = log.last if log.is_tail else log.total
    stream = {"view": query.view, **query.rows, **query.filters, "seen": rendered.digest, "after": after}
    return render_page(
        request,
        "run.html",
        section="runs",
        css=("run.css",),
        head=build_run_header(run, RunContext(context.now()), None, context.prefect, context.datadog_site),
        rendered=rendered,
        view=query.view,
        views=[
            (view, f"/ui/runs/{run.id}?{query.without_position().replace(view=view, text='', group=None, first_row=0).query_string}")
            for view in VIEWS
        ],
        has_many_stages=len(run.stages) > MAX_UNBOXED_STAGES,
        log=log,
        stream=f"/ui/live/runs/{run.id}?{urlencode(stream)}",
    )


@router.get("/ui/runs/{run_id}/events")
@requires(READ, ResourceScope.RUN)
async def show_events(request: Request, run_id: str, before: str = "") -> Response:
    """Show a page of the run's events, newest first: those with a sequence number below `before`, or the newest."""
    context = get_page_context(request)
    run = await require_run(context, run_id)
    end = min(int(before), MAX_SEQ) if before.isascii() and before.isdigit() and len(before) < 16 else run.last_seq + 1
    first = max(0, end - 1 - EVENTS_PER_PAGE)
    events = [event for event in await context.reader.events(run.id, first, EVENTS_PER_PAGE) if event.seq < end][::-1]
    return render_page(
        request,
        "events.html",
        section="runs",
        css=("run.css",),
        run=run,
        events=build_event_items(events),
        earlier=f"/ui/runs/{run.id}/events?before={first + 1}" if first > 0 else None,
        later=f"/ui/runs/{run.id}/events?before={min(end + EVENTS_PER_PAGE, run.last_seq + 1)}" if end <= run.last_seq else None,
    )
