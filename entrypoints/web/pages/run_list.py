"""All runs, narrowed by status, pipeline, trigger and day."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from domain.runs.status import Status
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.live.run_list import TRIGGERS, LiveRunList, RunListQuery, find_runs, parse_run_list_query
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_run_list
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.pipelines.board import StatusFilter

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
NAMES_OFFERED = 300
TRIGGER_WORDS = {"api": "by the API", "cli": "from a terminal", "dashboard": "from the dashboard", "report": "by a first report"}


@router.get("/ui/runs")
@requires(READ)
async def runs(request: Request) -> Response:
    site = get_page_context(request)
    asked = await parse_run_list_query(site, request.query_params)
    found, more = await find_runs(site, asked)
    if wants_text(request):
        return text_response(format_run_list(found, site.now()))
    drawing = LiveRunList(site, asked).render_runs(found)
    has_newer = more if asked.above is not None else asked.below is not None
    has_older = bool(found) if asked.above is not None else more
    place = {"above": asked.above or "", "below": asked.below or ""}
    return render_page(
        request,
        "runs.html",
        section="runs",
        asked=asked,
        drawing=drawing,
        filters=[_filter(each, asked) for each in (None, *(each for each in Status if each is not Status.SKIPPED))],
        names=[name for _, name in await site.reader.pipeline_names("", NAMES_OFFERED)],
        zone=asked.zone or ("UTC" if asked.since or asked.until else ""),
        triggers=[(each, TRIGGER_WORDS[each]) for each in TRIGGERS],
        is_narrowed=bool(asked.query()),
        stream=_link(asked.query(**place, seen=drawing.digest), "/ui/live/runs"),
        newest=_link(asked.query()) if asked.above is not None or asked.below is not None else None,
        newer=_link(asked.query(above=found[0].id)) if has_newer and found else None,
        older=_link(asked.query(below=found[-1].id)) if has_older and found else None,
    )


def _filter(status: Status | None, asked: RunListQuery) -> StatusFilter:
    href = _link(asked.query(status=status.value if status else ""))
    return StatusFilter(get_status_label(status) if status else None, 0, href, status is asked.status)


def _link(query: Mapping[str, object], path: str = "/ui/runs") -> str:
    return f"{path}?{urlencode(query)}" if query else path
