"""History as JSON, and live as server-sent events."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application.ports.change_feed import ChangeFeed
from domain.errors import InvalidInput
from entrypoints.api import examples
from entrypoints.api.cursors import CursorText, Place, link_header, place_of
from entrypoints.api.etags import tagged
from entrypoints.api.ids import id_of
from entrypoints.api.live import Live
from entrypoints.api.openapi import also_text, answers, refusals
from entrypoints.api.presenters import event_json
from entrypoints.api.requests import After, App, Limit, Reads, last_event_id, wants_sse
from entrypoints.api.runs import found_run
from entrypoints.api.schemas import EventShape
from entrypoints.api.streams import SSE, EventStream
from entrypoints.http.auth.permissions import READ, ResourceScope, requires

router = APIRouter(tags=["runs"])


@router.get(
    "/runs/{id}/events",
    summary="A run's history, or its events as they happen",
    operation_id="run_events",
    responses=answers(200, list[EventShape], [examples.EVENT], problems=(403, 404, 422, 503), also=also_text(SSE, examples.EVENT_STREAM)),
)
@requires(READ, ResourceScope.RUN)
async def run_events(
    id: str, request: Request, reads: Reads, after: After = None, limit: Limit = 100, cursor: CursorText = None
) -> Response:
    """In order of `seq`, after the one named. With `Accept: text/event-stream` the history and then each event as it is stored;
    ids are seqs, `Last-Event-ID` goes on from there. The stream stays open when the run is over: a retry may reopen it."""
    run = await found_run(id, reads)
    if not wants_sse(request):
        found = await reads.events(run.id, place_of(cursor).above or after or 0, limit + 1)
        page = found[:limit]
        more = {"next": str(Place(above=page[-1].seq))} if len(found) > limit else {}
        return tagged(request, [event_json(event) for event in page], headers=link_header(request, more))
    live: Live = request.app.state.live
    return EventStream(live.run_events(reads, run.id, number_after(request, after)))


@router.get(
    "/events/",
    summary="Everything that happens, as it happens",
    operation_id="all_events",
    response_class=Response,
    responses={
        200: {"description": "Server-sent events", "content": also_text(SSE, examples.EVENT_STREAM)},
        **refusals(403, 422, 503),
    },
)
@requires(READ)
async def all_events(request: Request, application: App, after: str | None = None) -> Response:
    """Server-sent events of every run. The last event of a batch carries the place as its id; `Last-Event-ID`, or `?after=` for a
    page that knows its place, goes on from there without a gap or a repeat. Without either: from now on."""
    feed = application.adapters.change_feed()
    cursor = last_event_id(request) or after
    if cursor is not None:
        await _check_cursor(feed, cursor, "Last-Event-ID" if last_event_id(request) else "after")
    live: Live = request.app.state.live
    return EventStream(live.all_events(feed, cursor))


def number_after(request: Request, after: int | None) -> int:
    """Where a stream of numbered things goes on: Last-Event-ID is newer than the address it was opened with."""
    last = last_event_id(request)
    if last is None:
        return after or 0
    number = id_of(last)
    if number is None:
        raise InvalidInput.of("Last-Event-ID", "is the id of an event of this stream")
    return number


async def _check_cursor(feed: ChangeFeed, cursor: str, field: str) -> None:
    try:
        await feed.read(cursor, 1)
    except ValueError:
        raise InvalidInput.of(field, "is not an id this stream gave") from None
