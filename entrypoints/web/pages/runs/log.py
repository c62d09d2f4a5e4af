"""A run's log as a file, and as fragments for scrolling."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from application.queries.views.log_text import encode_log_text
from application.queries.views.logs import LogFilter
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web.live.run_page import render_log_lines
from entrypoints.web.lookups import require_run
from entrypoints.web.page_context import PageContext, get_page_context, load_page_frame
from entrypoints.web.templating import HEADERS
from entrypoints.web.view_models.log.attempts import AttemptLabels
from entrypoints.web.view_models.log.lines import LINES_PER_PAGE, build_log_lines
from entrypoints.web.view_models.log.query import LogQuery

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
DOWNLOAD_BATCH = 2_000
MORE_HEADER = "Headgate-More"


@router.get("/ui/runs/{run_id}/lines")
@requires(READ, ResourceScope.RUN)
async def get_log_fragment(request: Request, run_id: str) -> Response:
    """Return the lines before or after a position as HTML for the page's script, and in a header whether there may be more beyond them."""
    context = get_page_context(request)
    run = await require_run(context, run_id)
    context.log_interest.mark_if_followed(run)
    query = LogQuery.parse(request.query_params, run)
    is_backward = query.after is None
    lines = await context.reader.log_window(
        run.id, query.line_filter, limit=LINES_PER_PAGE, above=query.after or 0, below=query.before, last=is_backward
    )
    shown = build_log_lines(lines, AttemptLabels(run), from_end=is_backward)
    more = {MORE_HEADER: "yes" if len(lines) == LINES_PER_PAGE or len(shown) < len(lines) else "no"}
    html = render_log_lines(shown).encode("utf-8", "replace")
    return Response(html, media_type="text/html; charset=utf-8", headers={**HEADERS, **more})


@router.get("/ui/runs/{run_id}/log.txt")
@requires(READ, ResourceScope.RUN)
async def download_log(request: Request, run_id: str) -> Response:
    """Return the log as text with time, stage and stream, optionally of one stage, attempt or stream."""
    context = get_page_context(request)
    run = await require_run(context, run_id)
    context.log_interest.mark_if_followed(run)
    query = LogQuery.parse(request.query_params, run)
    parts = [
        run.pipeline,
        str(run.number),
        *([query.stage] if query.stage else []),
        *([f"attempt-{query.attempt}"] if query.attempt else []),
        *(["stderr"] if query.only_stderr else []),
    ]
    name = "-".join(parts).replace('"', "").encode("ascii", "replace").decode()
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.log"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    lines = _read_lines(context, run.id, query.line_filter)
    return StreamingResponse(lines, media_type="text/plain; charset=utf-8", headers=headers)


async def _read_lines(context: PageContext, run_id: int, line_filter: LogFilter) -> AsyncIterator[bytes]:
    after = 0
    while lines := await context.reader.log_window(run_id, line_filter, above=after, limit=DOWNLOAD_BATCH):
        after = lines[-1].n
        yield await asyncio.to_thread(encode_log_text, lines)
