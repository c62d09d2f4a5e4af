"""What stages wrote: a page of lines, a live tail, or a text file."""

from collections.abc import AsyncGenerator

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from application.ports.readers import Reader
from application.queries.views import LogLineView, RunView
from domain.errors import NotFound
from entrypoints.api import examples
from entrypoints.api.cursors import CursorText, Place, link_header, place_of
from entrypoints.api.etags import tagged
from entrypoints.api.events import number_after
from entrypoints.api.live import Live
from entrypoints.api.openapi import also_text, answers
from entrypoints.api.presenters import line_json
from entrypoints.api.requests import After, Limit, Reads, wants_sse
from entrypoints.api.runs import found_run
from entrypoints.api.schemas import LineShape
from entrypoints.api.splice import PAGE
from entrypoints.api.streams import SSE, EventStream
from entrypoints.http.auth.permissions import READ, ResourceScope, requires

router = APIRouter(tags=["runs"])
TEXT = "text/plain"


@router.get(
    "/runs/{id}/logs",
    summary="What a run's stages wrote",
    operation_id="run_logs",
    responses=answers(
        200,
        list[LineShape],
        [examples.LINE],
        problems=(403, 404, 422, 503),
        also=also_text(SSE, examples.LINE_STREAM) | also_text(TEXT, "336776 rows\n"),
    ),
)
@requires(READ, ResourceScope.RUN)
async def run_logs(
    id: str,
    request: Request,
    reads: Reads,
    stage: str | None = None,
    attempt: int | None = Query(None, ge=1, le=2**31 - 1),
    after: After = None,
    limit: Limit = 1_000,
    cursor: CursorText = None,
) -> Response:
    """In order of `n`, after the one named. With `Accept: text/event-stream` a live tail whose ids are `n`; with `Accept: text/plain`
    everything, as a file to keep."""
    run = await found_run(id, reads)
    if stage is not None and all(stage != known.name for known in run.stages):
        raise NotFound("stage", stage)
    if wants_sse(request):
        live: Live = request.app.state.live
        return EventStream(live.run_log(reads, run.id, stage, attempt, number_after(request, after)))
    if TEXT in request.headers.get("accept", ""):
        name = f"{run.pipeline}-{run.number}{f'-{stage}' if stage else ''}.log"
        lines = _text(reads, run, stage, attempt, after or 0)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return EventStream(lines, f"{TEXT}; charset=utf-8", headers)
    found = await reads.log(run.id, stage=stage, attempt=attempt, after=place_of(cursor).above or after or 0, limit=limit + 1)
    page = found[:limit]
    more = {"next": str(Place(above=page[-1].n))} if len(found) > limit else {}
    return tagged(request, [line_json(line) for line in page], headers=link_header(request, more))


async def _text(reads: Reader, run: RunView, stage: str | None, attempt: int | None, after: int) -> AsyncGenerator[bytes, None]:
    """The lines as they were written; the stage's name before each when several are mixed."""
    while True:
        page = await reads.log(run.id, stage=stage, attempt=attempt, after=after, limit=PAGE)
        if page:
            after = page[-1].n
            yield "".join(_written(line, stage is None) for line in page).encode()
        if len(page) < PAGE:
            return


def _written(line: LogLineView, named: bool) -> str:
    return f"{line.stage} | {line.text}\n" if named else f"{line.text}\n"
