"""The board: all pipelines with their status and latest runs."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from application.queries.explain.run_context import RunContext
from domain.runs.status import Status
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.live.board import LiveBoard
from entrypoints.web.lookups import get_origin
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_board
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.new_pipeline_form import NewPipelineForm
from entrypoints.web.view_models.pipelines.board import StatusFilter, build_searchable_item, count_statuses

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])


@router.get("/")
@requires(READ)
async def show_board(request: Request, q: str = "", status: str = "", tag: str = "") -> Response:
    """Show the board, filtered by words, status and tag; before the first pipeline, show how to create one."""
    context = get_page_context(request)
    board = LiveBoard(context, tag)
    rows = await board.load_rows()
    if wants_text(request):
        runs = [row.pipeline.latest for row in rows]
        contexts = [await context.run_contexts.load(run) if run else RunContext(context.now()) for run in runs]
        return text_response(format_board(rows, contexts))
    if not rows and not tag:
        return render_page(
            request, "new_pipeline.html", section="pipelines", form=NewPipelineForm(), is_first=True, origin=get_origin(request)
        )
    rendered = await board.render_rows(rows)
    items = [build_searchable_item(row.pipeline) for row in rows]
    chosen = status if status in list(Status) else ""
    words = q.strip().lower()
    counts = count_statuses(rows)
    filters = [
        _build_filter(None, len(rows), q, chosen, tag),
        *(_build_filter(each, counts.get(each, 0), q, chosen, tag) for each in Status if each is not Status.SKIPPED),
    ]
    return render_page(
        request,
        "board.html",
        section="pipelines",
        items=items,
        hidden={item.id for item in items if not item.matches(chosen, words)},
        rendered=rendered,
        filters=filters,
        q=q,
        selected_status=chosen,
        tag=tag,
        stream=f"/ui/live/board?{urlencode({'seen': rendered.digest} | ({'tag': tag} if tag else {}))}",
    )


def _build_filter(status: Status | None, count: int, q: str, chosen: str, tag: str) -> StatusFilter:
    query = urlencode({key: value for key, value in (("q", q), ("status", status.value if status else ""), ("tag", tag)) if value})
    return StatusFilter(get_status_label(status) if status else None, count, f"/?{query}" if query else "/", chosen == (status or ""))
