"""History as JSON, and live as server-sent events."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application.ports.queries.change_feed import ChangeFeed
from domain.errors import InvalidInput
from entrypoints.api.events.event_broadcaster import EventBroadcaster
from entrypoints.api.runs.routes import require_run
from entrypoints.api.shared import examples
from entrypoints.api.shared.dependencies import After, ApplicationDep, Limit, ReaderDep, accepts_sse, get_last_event_id
from entrypoints.api.shared.etags import etag_response
from entrypoints.api.shared.openapi import answers, problem_responses, text_content
from entrypoints.api.shared.pagination import CursorParam, PagePosition, build_link_header, parse_cursor
from entrypoints.api.shared.presenters import event_json
from entrypoints.api.shared.response_models import EventResponse
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.http.ids import parse_id
from entrypoints.http.streaming.event_stream import SSE_MEDIA_TYPE, EventStream

router = APIRouter(tags=["runs"])


@router.get(
    "/runs/{id}/events",
    summary="A run's history, or its events as they happen",
    operation_id="run_events",
    responses=answers(
        200, list[EventResponse], [examples.EVENT], problems=(403, 404, 422, 503), also=text_content(SSE_MEDIA_TYPE, examples.EVENT_STREAM)
    ),
)
@requires(READ, ResourceScope.RUN)
async def stream_run_events(
    id: str, request: Request, reader: ReaderDep, after: After = None, limit: Limit = 100, cursor: CursorParam = None
) -> Response:
    """In order of `seq`, after the one named. With `Accept: text/event-stream` the history and then each event as it is stored;
    ids are seqs, `Last-Event-ID` goes on from there. The stream stays open when the run is over: a retry may reopen it."""
    run = await require_run(id, reader)
    if not accepts_sse(request):
        found = await reader.events(run.id, parse_cursor(cursor).above or after or 0, limit + 1)
        page = found[:limit]
        more = {"next": str(PagePosition(above=page[-1].seq))} if len(found) > limit else {}
        return etag_response(request, [event_json(event) for event in page], headers=build_link_header(request, more))
    live: EventBroadcaster = request.app.state.live
    return EventStream(live.stream_run_events(reader, run.id, parse_resume_position(request, after)))


@router.get(
    "/events/",
    summary="Everything that happens, as it happens",
    operation_id="all_events",
    response_class=Response,
    responses={
        200: {"description": "Server-sent events", "content": text_content(SSE_MEDIA_TYPE, examples.EVENT_STREAM)},
        **problem_responses(403, 422, 503),
    },
)
@requires(READ)
async def stream_all_events(request: Request, application: ApplicationDep, after: str | None = None) -> Response:
    """Server-sent events of every run. The last event of a batch carries the place as its id; `Last-Event-ID`, or `?after=` for a
    page that knows its place, goes on from there without a gap or a repeat. Without either: from now on."""
    feed = application.adapters.change_feed()
    cursor = get_last_event_id(request) or after
    if cursor is not None:
        await _check_cursor(feed, cursor, "Last-Event-ID" if get_last_event_id(request) else "after")
    live: EventBroadcaster = request.app.state.live
    return EventStream(live.stream_all_events(feed, cursor))


def parse_resume_position(request: Request, after: int | None) -> int:
    """Where a stream of numbered things goes on: Last-Event-ID is newer than the address it was opened with."""
    last = get_last_event_id(request)
    if last is None:
        return after or 0
    number = parse_id(last)
    if number is None:
        raise InvalidInput.of("Last-Event-ID", "is the id of an event of this stream")
    return number


async def _check_cursor(feed: ChangeFeed, cursor: str, field: str) -> None:
    try:
        await feed.read(cursor, 1)
    except ValueError:
        raise InvalidInput.of(field, "is not an id this stream gave") from None
