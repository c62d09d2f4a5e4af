"""The list of backfills, and one backfill with its ticks and runs."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.live.backfills import TICKS_PER_PAGE, BackfillQuery, LiveBackfillList, LiveBackfillPage
from entrypoints.web.lookups import require_backfill, require_pipeline
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.text_backfills import format_backfill, format_backfills
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.view_models.backfills.page import build_backfill_item, build_backfill_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("backfills.css",)


@router.get("/ui/backfills/")
@requires(READ)
async def list_backfills(request: Request, pipeline: str = "") -> Response:
    """Show the newest backfills with their progress, of all pipelines or of one."""
    context = get_page_context(request)
    found = await require_pipeline(context, pipeline) if pipeline else None
    live = LiveBackfillList(context, found.id if found else None)
    backfills = await live.load()
    if wants_text(request):
        return text_response(format_backfills([build_backfill_item(each) for each in backfills]))
    rendered = live.render_backfills(backfills)
    query = urlencode({**({"pipeline": found.id} if found else {}), "seen": rendered.digest})
    return render_page(
        request, "backfills.html", section="schedule", css=CSS, rendered=rendered, pipeline=found, stream=f"/ui/live/backfills?{query}"
    )


@router.get("/ui/backfills/{backfill_id}")
@requires(READ)
async def show_backfill(request: Request, backfill_id: str, state: str = "", above: str = "", below: str = "") -> Response:
    """Show a backfill's progress, and its ticks in run order."""
    context = get_page_context(request)
    view = await require_backfill(context, backfill_id)
    query = BackfillQuery.parse(state, above, below)
    live = LiveBackfillPage(context, view.id, query)
    view, ticks = await live.load()
    shown = live.take_shown(ticks)
    if wants_text(request):
        return text_response(format_backfill(build_backfill_page(view, shown, query.state)))
    rendered, path = live.render_backfill(view, ticks), f"/ui/backfills/{view.id}"
    is_backward = query.below is not None and query.above is None
    has_more = len(ticks) > TICKS_PER_PAGE
    has_earlier = has_more if is_backward else query.above is not None
    has_later = bool(shown) if is_backward else has_more
    return render_page(
        request,
        "backfill.html",
        section="schedule",
        css=CSS,
        rendered=rendered,
        backfill=build_backfill_item(view),
        stream=query.get_url(f"/ui/live/backfills/{view.id}", above=query.above, below=query.below, seen=rendered.digest),
        earlier=query.get_url(path, below=shown[0].position) if has_earlier and shown else None,
        later=query.get_url(path, above=shown[-1].position) if has_later and shown else None,
    )
