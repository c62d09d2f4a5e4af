"""A run's log: a page of lines, a live tail, or a text file."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from application.ports.queries.reader import Reader
from application.queries.runs.log_selection import check_log_selection
from application.queries.views.log_text import encode_log_text
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.runs import RunView
from entrypoints.api.logs.log_tail import LogTail
from entrypoints.api.logs.models import LINE_STREAM_EXAMPLE, TEXT_EXAMPLE, LogLineResponse
from entrypoints.api.runs.dependencies import RunDep
from entrypoints.api.shared.dependencies import ApplicationDep, ReaderDep
from entrypoints.api.shared.models import MAX_INTEGER
from entrypoints.api.shared.pagination import build_next_link, parse_cursor
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import After, Cursor, Limit
from entrypoints.api.shared.routing import create_router
from entrypoints.api.shared.streams import accepts_sse, describe_text, parse_resume_position
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.streaming.event_stream import SSE_MEDIA_TYPE, EventStream
from entrypoints.http.streaming.stream_catch_up import PAGE_SIZE

router = create_router("runs")
TEXT_MEDIA_TYPE = "text/plain"
Raw = Annotated[bool, Query(description="Return texts with the colours (ANSI escape sequences) that they were written with.")]


@router.get(
    "/runs/{id}/logs",
    summary="Get the output of a run's stages",
    response_model=list[LogLineResponse],
    responses={
        200: {"content": describe_text(SSE_MEDIA_TYPE, LINE_STREAM_EXAMPLE) | describe_text(TEXT_MEDIA_TYPE, TEXT_EXAMPLE)},
        **problems(403, 404, 422, 503),
    },
)
@requires(READ, ResourceScope.RUN)
async def run_logs(
    run: RunDep,
    request: Request,
    reader: ReaderDep,
    application: ApplicationDep,
    stage: str | None = None,
    attempt: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    after: After = None,
    limit: Limit = 1_000,
    cursor: Cursor = None,
    raw: Raw = False,
) -> Response:
    """Return the lines in the order of `n`, after the given one, and last those that are not finished yet. Texts have no colours.

    With `Accept: text/event-stream`, stream new lines with their `n` as ids, and what is not finished as events `unfinished`;
    with `Accept: text/plain`, return the whole log as a file, in which each line begins with its time, stage, attempt and stream."""
    check_log_selection(run, stage, attempt)
    interest = application.log_interest()
    interest.mark_if_followed(run)
    if accepts_sse(request):
        log_tail: LogTail = request.app.state.log_tail
        position = parse_resume_position(request, after)
        mark_read = partial(interest.mark_if_followed, run)
        return EventStream(log_tail.stream(reader, run.id, LogFilter(stage, attempt), position, mark_read, is_raw=raw))
    if TEXT_MEDIA_TYPE in request.headers.get("accept", ""):
        name = f"{run.pipeline}-{run.number}{f'-{stage}' if stage else ''}.log"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return EventStream(_read_text(reader, run, stage, attempt, after or 0), f"{TEXT_MEDIA_TYPE}; charset=utf-8", headers)
    found = await reader.log(run.id, stage=stage, attempt=attempt, after=parse_cursor(cursor).above or after or 0, limit=limit + 1)
    page, has_more = found[:limit], len(found) > limit
    links = build_next_link(request, page[-1].n, has_more) if page else {}
    if not has_more:
        page += await reader.unfinished_lines(run.id, LogFilter(stage, attempt), page[-1].n if page else after or 0)
    return await asyncio.to_thread(_build_page, page, raw, links)


def _build_page(lines: Sequence[LogLineView], is_raw: bool, links: Mapping[str, str]) -> Response:
    return JsonResponse([LogLineResponse.from_line(line, is_raw=is_raw) for line in lines], headers=links)


async def _read_text(reader: Reader, run: RunView, stage: str | None, attempt: int | None, after: int) -> AsyncGenerator[bytes, None]:
    """Yield the lines as text."""
    while True:
        page = await reader.log(run.id, stage=stage, attempt=attempt, after=after, limit=PAGE_SIZE)
        if page:
            after = page[-1].n
            yield await asyncio.to_thread(encode_log_text, page)
        if len(page) < PAGE_SIZE:
            unfinished = await reader.unfinished_lines(run.id, LogFilter(stage, attempt), after)
            yield await asyncio.to_thread(encode_log_text, unfinished)
            return
