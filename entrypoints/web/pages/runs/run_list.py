"""All runs, filtered by status, pipeline, trigger and day."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from domain.runs.status import Status
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.run_references import find_run_id
from entrypoints.web.live.run_list import LiveRunList, load_runs
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.run_list_query import TRIGGERS, RunListQuery, parse_run_list_query
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_run_list
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.pipelines.board import StatusFilter
from entrypoints.web.view_models.runs.bulk import build_bulk_links

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
NAMES_OFFERED = 300
TRIGGER_LABELS = {
    "api": "API",
    "backfill": "Backfill",
    "cli": "Terminal",
    "dashboard": "Dashboard",
    "report": "First report",
    "schedule": "Schedule",
}


@router.get("/ui/runs")
@requires(READ)
async def list_runs(request: Request) -> Response:
    """Show a page of runs, newest first. The name of a run in place of a pipeline's leads to that run."""
    context = get_page_context(request)
    searched = request.query_params.get("pipeline", "").strip()
    if "#" in searched and (run_id := await find_run_id(context.reader, searched)) is not None:
        return redirect(f"/ui/runs/{run_id}")
    query = await parse_run_list_query(context, request.query_params)
    runs, has_more = await load_runs(context, query)
    if wants_text(request):
        return text_response(format_run_list(runs, context.now()))
    rendered = LiveRunList(context, query).render_runs(runs)
    has_newer = has_more if query.above is not None else query.below is not None
    has_older = bool(runs) if query.above is not None else has_more
    position = {"above": query.above or "", "below": query.below or ""}
    return render_page(
        request,
        "runs.html",
        section="runs",
        query=query,
        rendered=rendered,
        filters=[_build_filter(each, query) for each in (None, *(each for each in Status if each is not Status.SKIPPED))],
        names=[name for _, name in await context.reader.pipeline_names("", NAMES_OFFERED)],
        zone=query.zone or ("UTC" if query.since or query.until else ""),
        triggers=[(each, TRIGGER_LABELS[each]) for each in TRIGGERS],
        is_filtered=bool(query.to_parameters()),
        bulk_links=build_bulk_links(query.status or "", query.to_parameters()),
        stream=_link(query.to_parameters(**position, seen=rendered.digest), "/ui/live/runs"),
        newest=_link(query.to_parameters()) if query.above is not None or query.below is not None else None,
        newer=_link(query.to_parameters(above=runs[0].id)) if has_newer and runs else None,
        older=_link(query.to_parameters(below=runs[-1].id)) if has_older and runs else None,
    )


def _build_filter(status: Status | None, query: RunListQuery) -> StatusFilter:
    href = _link(query.to_parameters(status=status.value if status else ""))
    return StatusFilter(get_status_label(status) if status else None, href, status is query.status)


def _link(parameters: Mapping[str, object], path: str = "/ui/runs") -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path
