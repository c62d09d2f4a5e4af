"""Events of runs: as JSON, or as a live stream."""

from fastapi import Request
from starlette.responses import Response

from application.ports.queries.change_feed import ChangeFeed
from domain.errors import InvalidInput
from entrypoints.api.events.event_broadcaster import EventBroadcaster
from entrypoints.api.events.models import ALL_EVENTS_EXAMPLE, EVENT_STREAM_EXAMPLE, EventResponse
from entrypoints.api.runs.dependencies import RunDep
from entrypoints.api.shared.dependencies import ApplicationDep, ReaderDep
from entrypoints.api.shared.pagination import build_next_link, parse_cursor
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import After, Cursor, Limit
from entrypoints.api.shared.routing import create_router
from entrypoints.api.shared.streams import accepts_sse, describe_text, get_last_event_id, parse_resume_position
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.streaming.event_stream import SSE_MEDIA_TYPE, EventStream

router = create_router("runs")


@router.get(
    "/runs/{id}/events",
    summary="List or stream a run's events",
    response_model=list[EventResponse],
    responses={200: {"content": describe_text(SSE_MEDIA_TYPE, EVENT_STREAM_EXAMPLE)}, **problems(403, 404, 422, 503)},
)
@requires(READ, ResourceScope.RUN)
async def run_events(
    run: RunDep, request: Request, reader: ReaderDep, after: After = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Return the events in the order of `seq`, after the given one. With `Accept: text/event-stream`, stream the history and then each
    event as it is stored: ids are seqs, and `Last-Event-ID` resumes the stream. The stream stays open after the run has ended, since a
    retry may reopen it."""
    if accepts_sse(request):
        broadcaster: EventBroadcaster = request.app.state.event_broadcaster
        return EventStream(broadcaster.stream_run_events(reader, run.id, parse_resume_position(request, after)))
    found = await reader.events(run.id, parse_cursor(cursor).above or after or 0, limit + 1)
    page, has_more = found[:limit], len(found) > limit
    links = build_next_link(request, page[-1].seq, has_more) if page else {}
    return JsonResponse([EventResponse.from_view(event) for event in page], headers=links)


@router.get(
    "/events/",
    summary="Stream all events",
    response_class=Response,
    responses={
        200: {"description": "Server-sent events", "content": describe_text(SSE_MEDIA_TYPE, ALL_EVENTS_EXAMPLE)},
        **problems(403, 422, 503),
    },
)
@requires(READ)
async def all_events(request: Request, application: ApplicationDep, after: str | None = None) -> Response:
    """Stream the events of all runs, and the events of pipelines and schedules that belong to no run, as server-sent events. The latter
    have an `id` in place of `run_id` and `seq`: `pipeline.changed` (created, revised or renamed), `pipeline.paused`, `pipeline.resumed`,
    `pipeline.archived`, `pipeline.unarchived`, `pipeline.deleted`, `schedule.paused`, `schedule.resumed`, `group.changed`,
    `backfill.changed`, `incident.changed`, `channel.changed`, `alert_rules.changed`, `silence.changed` and `tick`. The last event of each
    batch carries a cursor as its id; `Last-Event-ID`, or `?after=` on the first connection, resumes there without a gap or a repetition.
    Without either, the stream starts now."""
    feed = application.adapters.change_feed()
    last_event_id = get_last_event_id(request)
    cursor = last_event_id or after
    if cursor is not None:
        await _check_cursor(feed, cursor, "Last-Event-ID" if last_event_id else "after")
    broadcaster: EventBroadcaster = request.app.state.event_broadcaster
    return EventStream(broadcaster.stream_all_events(feed, cursor))


async def _check_cursor(feed: ChangeFeed, cursor: str, field: str) -> None:
    try:
        await feed.read(cursor, 1)
    except ValueError:
        raise InvalidInput.for_field(field, "must be an event id of this stream") from None
