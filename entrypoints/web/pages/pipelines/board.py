"""The board: all pipelines with their status and latest runs."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from application.ports.queries.reader import ArchivedFilter
from application.queries.explain.run_context import RunContext
from application.queries.views.pipelines import BoardRow
from domain.runs.status import Status
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.web.board_order import ORDER_WORDS, BoardOrder, sort_rows
from entrypoints.web.board_query import BoardQuery, choose_rows
from entrypoints.web.bulk.selection import BOARD
from entrypoints.web.editor_loader import check_text
from entrypoints.web.live.board import LiveBoard
from entrypoints.web.page_context import PageContext, get_page_context, load_page_frame
from entrypoints.web.pages.pipelines.new_pipeline import build_new_pipeline_values
from entrypoints.web.templating import render_page
from entrypoints.web.text_incidents import format_open_incidents
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_board
from entrypoints.web.view_models.editor.examples import FIRST
from entrypoints.web.view_models.editor.form import EditorForm
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.pipelines.board import OrderLink, SearchableItem, StatusFilter, build_searchable_item
from entrypoints.web.view_models.runs.bulk import build_bulk_links

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
TEXT_ROWS: Final = 1_000


@router.get("/")
@requires(READ)
async def show_board(request: Request) -> Response:
    """Show the board, filtered by words, status and tag, or the archived pipelines; before the first pipeline, show how to create one."""
    context = get_page_context(request)
    query = BoardQuery.parse(request.query_params)
    board = LiveBoard(context, query)
    rows = await board.load_rows()
    if wants_text(request):
        return await _show_text(context, query, rows)
    has_archived = query.archived or bool(await context.reader.pipeline_state_versions(0, 1, archived=ArchivedFilter.ONLY))
    if not rows and not query.tag and not has_archived:
        return render_page(
            request,
            "new_pipeline.html",
            section="pipelines",
            is_first=True,
            frame_stream="/ui/live/board",
            **build_new_pipeline_values(request, EditorForm(FIRST), await check_text(context, FIRST, None)),
        )
    chosen = choose_rows(rows, query)
    rendered = await board.render_page(rows, chosen)
    is_paged = chosen.range is not None
    items = [build_searchable_item(row.pipeline) for row in chosen.rows]
    stream = _get_streamed_query(query, items, is_paged).get_url("/ui/live/board")
    return render_page(
        request,
        "board.html",
        section="pipelines",
        items=items,
        hidden=set() if is_paged else {item.id for item in items if not item.matches(query.status, query.words)},
        is_paged=is_paged,
        rendered=rendered,
        filters=[_build_filter(status, query) for status in (None, *Status) if status is not Status.SKIPPED],
        orders=[OrderLink(ORDER_WORDS[each], query.get_url("/", order=each, page=1), each is query.order) for each in BoardOrder],
        query=query,
        q=request.query_params.get("q", ""),
        without_tag=query.get_url("/", tag="", page=1),
        current=query.get_url("/"),
        bulk_links=build_bulk_links(query.status, query.to_parameters(), BOARD) if query.status else (),
        has_archived=has_archived,
        stream=f"{stream}{'&' if '?' in stream else '?'}seen={rendered.digest}",
    )


def _get_streamed_query(query: BoardQuery, items: Sequence[SearchableItem], is_paged: bool) -> BoardQuery:
    """Return what the page's stream shows. The page's script filters a board of one page, so viewers with other words share its stream."""
    if not is_paged:
        return BoardQuery(tag=query.tag, archived=query.archived, order=query.order)
    return query if query.order is BoardOrder.NAME else replace(query, shown=tuple(item.id for item in items))


async def _show_text(context: PageContext, query: BoardQuery, rows: Sequence[BoardRow]) -> Response:
    """Show the rows that the query selects, at most TEXT_ROWS, as text."""
    selected = sort_rows(query.select(rows), query.order)
    shown = selected[:TEXT_ROWS]
    contexts = []
    for row in shown:
        contexts.append(await context.run_contexts.load(row.pipeline.latest) if row.pipeline.latest else RunContext(context.now()))
        await asyncio.sleep(0)
    now, judge = context.now(), context.expectations.find_worst
    text = await asyncio.to_thread(lambda: format_board(shown, contexts, [judge(row.pipeline, row.bars, now) for row in shown]))
    text = format_open_incidents(await context.incident_summary.load(), now) + text
    hidden = len(selected) - len(shown)
    return text_response(f"{text}{hidden:,} more pipelines. Filter with /?q=WORDS or /?status=failed\n" if hidden else text)


def _build_filter(status: Status | None, query: BoardQuery) -> StatusFilter:
    value = status.value if status else ""
    label = get_status_label(status) if status else None
    return StatusFilter(label, query.get_url("/", status=value, page=1), query.status == value)
