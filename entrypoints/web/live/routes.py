"""The event streams of live pages, one for each page."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.types import Receive, Scope, Send

from domain.errors import NotFound
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.http.ids import MAX_ID, parse_id
from entrypoints.http.streaming.event_stream import HEARTBEAT_SECONDS, EventStream
from entrypoints.web.board_query import BoardQuery
from entrypoints.web.calendar_query import CalendarQuery
from entrypoints.web.incident_query import IncidentQuery
from entrypoints.web.live.alerts.channels import LiveChannelList, LiveChannelPage
from entrypoints.web.live.alerts.incident_page import LiveIncidentPage
from entrypoints.web.live.alerts.incidents import LiveIncidentList
from entrypoints.web.live.alerts.silences import LiveSilenceList
from entrypoints.web.live.backfills import BackfillQuery, LiveBackfillList, LiveBackfillPage
from entrypoints.web.live.board import LiveBoard
from entrypoints.web.live.calendar import LiveCalendar
from entrypoints.web.live.groups import LiveGroupList, LiveGroupPage
from entrypoints.web.live.pipeline_page import LivePipelinePage
from entrypoints.web.live.run_list import LiveRunList
from entrypoints.web.live.run_page import LiveRunPage
from entrypoints.web.live.system_page import LiveSystemPage
from entrypoints.web.live.view import LiveView, StaticView
from entrypoints.web.live.viewer import Viewer
from entrypoints.web.live.waiting_page import LiveWaitingPage
from entrypoints.web.page_context import PageContext, get_page_context
from entrypoints.web.run_list_query import parse_run_list_query
from entrypoints.web.view_models.log.query import LogQuery

router = APIRouter(include_in_schema=False)
HEARTBEAT: Final = b": still here\n\n"
Id = Annotated[int, Path(ge=0, le=MAX_ID)]
Position = Annotated[int, Query(le=MAX_ID)]


class LiveStream(EventStream):
    """Send a viewer's messages as they come, and a comment after silence. `stack` removes the viewer when the stream ends."""

    def __init__(self, viewer: Viewer, stack: AsyncExitStack) -> None:
        super().__init__(_read_messages(viewer), headers={"X-Content-Type-Options": "nosniff"})
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await super().__call__(scope, receive, send)


async def _read_messages(viewer: Viewer) -> AsyncGenerator[bytes, None]:
    while True:
        try:
            yield await viewer.next(HEARTBEAT_SECONDS)
        except TimeoutError:
            yield HEARTBEAT


async def _open_stream(context: PageContext, key: tuple[object, ...], view: LiveView, seen: str, after: int = 0) -> Response:
    """Join the view before the response begins, so that its errors still become an error response."""
    stack = AsyncExitStack()
    viewer = await stack.enter_async_context(context.live.join(key, view, seen=seen, after=after))
    return LiveStream(viewer, stack)


@router.get("/ui/live/board")
@requires(READ)
async def stream_board(request: Request, seen: str = "") -> Response:
    context = get_page_context(request)
    query = BoardQuery.parse(request.query_params)
    return await _open_stream(context, ("board", query), LiveBoard(context, query), seen)


@router.get("/ui/live/pipelines/{pipeline_id}")
@requires(READ, ResourceScope.PIPELINE)
async def stream_pipeline(request: Request, pipeline_id: Id, seen: str = "") -> Response:
    context = get_page_context(request)
    return await _open_stream(context, ("pipeline", pipeline_id), LivePipelinePage(context, pipeline_id), seen)


@router.get("/ui/live/waiting")
@requires(READ)
async def stream_waiting(request: Request, seen: str = "") -> Response:
    context = get_page_context(request)
    return await _open_stream(context, ("waiting",), LiveWaitingPage(context), seen)


@router.get("/ui/live/system")
@requires(READ)
async def stream_system(request: Request) -> Response:
    context = get_page_context(request)
    return await _open_stream(context, ("system",), LiveSystemPage(context), "")


@router.get("/ui/live/runs")
@requires(READ)
async def stream_run_list(request: Request, seen: str = "") -> Response:
    context = get_page_context(request)
    query = await parse_run_list_query(context, request.query_params)
    return await _open_stream(context, ("runs", query), LiveRunList(context, query), seen)


@router.get("/ui/live/schedule")
@requires(READ)
async def stream_schedule(request: Request, seen: str = "", view: str = "", day: str = "", zone: str = "") -> Response:
    context = get_page_context(request)
    query = CalendarQuery.parse(view, day, zone, context.now())
    return await _open_stream(context, ("schedule", query), LiveCalendar(context, query), seen)


@router.get("/ui/live/groups")
@requires(READ)
async def stream_groups(request: Request, seen: str = "") -> Response:
    context = get_page_context(request)
    return await _open_stream(context, ("groups",), LiveGroupList(context), seen)


@router.get("/ui/live/groups/{name}")
@requires(READ)
async def stream_group(request: Request, name: str, seen: str = "") -> Response:
    context = get_page_context(request)
    view = LiveGroupPage(context, name)
    await view.load()
    return await _open_stream(context, ("group", name), view, seen)


@router.get("/ui/live/backfills")
@requires(READ)
async def stream_backfills(request: Request, seen: str = "", pipeline: str = "") -> Response:
    context = get_page_context(request)
    pipeline_id = parse_id(pipeline) if pipeline else None
    return await _open_stream(context, ("backfills", pipeline_id), LiveBackfillList(context, pipeline_id), seen)


@router.get("/ui/live/backfills/{backfill_id}")
@requires(READ)
async def stream_backfill(request: Request, backfill_id: Id, seen: str = "", state: str = "", above: str = "", below: str = "") -> Response:
    context = get_page_context(request)
    query = BackfillQuery.parse(state, above, below)
    return await _open_stream(context, ("backfill", backfill_id, query), LiveBackfillPage(context, backfill_id, query), seen)


@router.get("/ui/live/incidents")
@requires(READ)
async def stream_incidents(request: Request, seen: str = "", state: str = "", pipeline: str = "", before: str = "") -> Response:
    context = get_page_context(request)
    query = IncidentQuery.parse(state, parse_id(pipeline) if pipeline else None, before)
    return await _open_stream(context, ("incidents", query), LiveIncidentList(context, query), seen)


@router.get("/ui/live/incidents/{incident_id}")
@requires(READ)
async def stream_incident(request: Request, incident_id: Id, seen: str = "") -> Response:
    context = get_page_context(request)
    return await _open_stream(context, ("incident", incident_id), LiveIncidentPage(context, incident_id), seen)


@router.get("/ui/live/channels")
@requires(READ)
async def stream_channels(request: Request, seen: str = "") -> Response:
    context = get_page_context(request)
    return await _open_stream(context, ("channels",), LiveChannelList(context), seen)


@router.get("/ui/live/channels/{name}")
@requires(READ)
async def stream_channel(request: Request, name: str, seen: str = "") -> Response:
    context = get_page_context(request)
    view = LiveChannelPage(context, name)
    await view.load()
    return await _open_stream(context, ("channel", name), view, seen)


@router.get("/ui/live/silences")
@requires(READ)
async def stream_silences(request: Request, seen: str = "", ended: str = "") -> Response:
    context = get_page_context(request)
    return await _open_stream(context, ("silences", bool(ended)), LiveSilenceList(context, bool(ended)), seen)


@router.get("/ui/live/frame")
@requires(READ)
async def stream_frame(request: Request, seen: str = "") -> Response:
    """Stream only the page frame, for pages without a live view."""
    return await _open_stream(get_page_context(request), ("frame",), StaticView(), seen)


@router.get("/ui/live/runs/{run_id}")
@requires(READ, ResourceScope.RUN)
async def stream_run(request: Request, run_id: Id, seen: str = "", after: Position = 0) -> Response:
    """Stream a run and its log lines after line `after`, or after the header `Last-Event-ID` when the browser reconnects."""
    context = get_page_context(request)
    run = await context.reader.run(run_id)
    if run is None:
        raise NotFound("run", run_id)
    query = LogQuery.parse(request.query_params, run)
    last = request.headers.get("last-event-id", "")
    position = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else max(0, after)
    key = ("run", run_id, query.view, query.group, query.first_row, query.line_filter)
    return await _open_stream(context, key, LiveRunPage(context, run_id, query), seen, position)
