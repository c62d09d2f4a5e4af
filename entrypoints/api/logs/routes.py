"""What stages wrote: a page of lines, a live tail, or a text file."""

from collections.abc import AsyncGenerator

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from application.ports.queries.reader import Reader
from application.queries.views.logs import LogLineView
from application.queries.views.runs import RunView
from domain.errors import NotFound
from entrypoints.api.events.event_broadcaster import EventBroadcaster
from entrypoints.api.events.routes import parse_resume_position
from entrypoints.api.runs.routes import require_run
from entrypoints.api.shared import examples
from entrypoints.api.shared.dependencies import After, Limit, ReaderDep, accepts_sse
from entrypoints.api.shared.etags import etag_response
from entrypoints.api.shared.openapi import answers, text_content
from entrypoints.api.shared.pagination import CursorParam, PagePosition, build_link_header, parse_cursor
from entrypoints.api.shared.presenters import line_json
from entrypoints.api.shared.response_models import LogLineResponse
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.http.streaming.event_stream import SSE_MEDIA_TYPE, EventStream
from entrypoints.http.streaming.stream_catch_up import PAGE_SIZE

router = APIRouter(tags=["runs"])
TEXT = "text/plain"


@router.get(
    "/runs/{id}/logs",
    summary="What a run's stages wrote",
    operation_id="run_logs",
    responses=answers(
        200,
        list[LogLineResponse],
        [examples.LINE],
        problems=(403, 404, 422, 503),
        also=text_content(SSE_MEDIA_TYPE, examples.LINE_STREAM) | text_content(TEXT, "336776 rows\n"),
    ),
)
@requires(READ, ResourceScope.RUN)
async def run_logs(
    id: str,
    request: Request,
    reader: ReaderDep,
    stage: str | None = None,
    attempt: int | None = Query(None, ge=1, le=2**31 - 1),
    after: After = None,
    limit: Limit = 1_000,
    cursor: CursorParam = None,
) -> Response:
    """In order of `n`, after the one named. With `Accept: text/event-stream` a live tail whose ids are `n`; with `Accept: text/plain`
    everything, as a file to keep."""
    run = await require_run(id, reader)
    if stage is not None and all(stage != known.name for known in run.stages):
        raise NotFound("stage", stage)
    if accepts_sse(request):
        live: EventBroadcaster = request.app.state.live
        return EventStream(live.stream_run_log(reader, run.id, stage, attempt, parse_resume_position(request, after)))
    if TEXT in request.headers.get("accept", ""):
        name = f"{run.pipeline}-{run.number}{f'-{stage}' if stage else ''}.log"
        lines = _text(reader, run, stage, attempt, after or 0)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return EventStream(lines, f"{TEXT}; charset=utf-8", headers)
    found = await reader.log(run.id, stage=stage, attempt=attempt, after=parse_cursor(cursor).above or after or 0, limit=limit + 1)
    page = found[:limit]
    more = {"next": str(PagePosition(above=page[-1].n))} if len(found) > limit else {}
    return etag_response(request, [line_json(line) for line in page], headers=build_link_header(request, more))


async def _text(reader: Reader, run: RunView, stage: str | None, attempt: int | None, after: int) -> AsyncGenerator[bytes, None]:
    """The lines as they were written; the stage's name before each when several are mixed."""
    while True:
        page = await reader.log(run.id, stage=stage, attempt=attempt, after=after, limit=PAGE_SIZE)
        if page:
            after = page[-1].n
            yield "".join(_written(line, stage is None) for line in page).encode()
        if len(page) < PAGE_SIZE:
            return


def _written(line: LogLineView, named: bool) -> str:
    return f"{line.stage} | {line.text}\n" if named else f"{line.text}\n"
