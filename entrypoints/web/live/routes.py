"""The addresses of the live parts: one stream a page."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress

from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from domain.errors import NotFound
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.web.live.board import LiveBoard
from entrypoints.web.live.broadcaster import HEARTBEAT_SECONDS, LiveView, StaticView, Viewer
from entrypoints.web.live.pipeline_page import LivePipelinePage
from entrypoints.web.live.run_list import LiveRunList, parse_run_list_query
from entrypoints.web.live.run_page import LiveRunPage
from entrypoints.web.live.system_page import LiveSystemPage
from entrypoints.web.live.waiting_page import LiveWaitingPage
from entrypoints.web.page_context import PageContext, get_page_context
from entrypoints.web.view_models.log.query import LogQuery

router = APIRouter(include_in_schema=False)
HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


class Stream(Response):
    """Sends what a viewer gets, as it comes, straight to the server; a comment now and then keeps the line open."""

    def __init__(self, viewer: Viewer, stack: AsyncExitStack) -> None:
        super().__init__(media_type="text/event-stream", headers=HEADERS)
        del self.headers["content-length"]
        self._viewer = viewer
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            sender = asyncio.ensure_future(self._send(send))
            leaver = asyncio.ensure_future(self._left(receive))
            try:
                await asyncio.wait({sender, leaver}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sender, leaver):
                    task.cancel()
                await asyncio.gather(sender, leaver, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        with suppress(EOFError):
            while True:
                try:
                    data = await self._viewer.next(HEARTBEAT_SECONDS)
                except TimeoutError:
                    data = b": still here\n\n"
                await send({"type": "http.response.body", "body": data or b"", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    @staticmethod
    async def _left(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


async def _stream(site: PageContext, key: tuple[object, ...], view: LiveView, seen: str, after: int = 0) -> Response:
    stack = AsyncExitStack()
    viewer = await stack.enter_async_context(site.live.join(key, view, seen=seen, after=after))
    return Stream(viewer, stack)


@router.get("/ui/live/board")
@requires(READ)
async def board(request: Request, seen: str = "", tag: str = "") -> Response:
    site = get_page_context(request)
    return await _stream(site, ("board", tag), LiveBoard(site, tag), seen)


@router.get("/ui/live/pipelines/{pipeline_id}")
@requires(READ, ResourceScope.PIPELINE)
async def pipeline(request: Request, pipeline_id: int, seen: str = "") -> Response:
    site = get_page_context(request)
    return await _stream(site, ("pipeline", pipeline_id), LivePipelinePage(site, pipeline_id), seen)


@router.get("/ui/live/waiting")
@requires(READ)
async def waiting(request: Request, seen: str = "") -> Response:
    site = get_page_context(request)
    return await _stream(site, ("waiting",), LiveWaitingPage(site), seen)


@router.get("/ui/live/system")
@requires(READ)
async def system(request: Request) -> Response:
    site = get_page_context(request)
    return await _stream(site, ("system",), LiveSystemPage(site), "")


@router.get("/ui/live/runs")
@requires(READ)
async def runs(request: Request, seen: str = "") -> Response:
    site = get_page_context(request)
    asked = await parse_run_list_query(site, request.query_params)
    return await _stream(site, ("runs", asked), LiveRunList(site, asked), seen)


@router.get("/ui/live/frame")
@requires(READ)
async def frame(request: Request, seen: str = "") -> Response:
    """For pages that show nothing else live."""
    return await _stream(get_page_context(request), ("frame",), StaticView(), seen)


@router.get("/ui/live/runs/{run_id}")
@requires(READ, ResourceScope.RUN)
async def run(request: Request, run_id: int, seen: str = "", after: int = 0) -> Response:
    site = get_page_context(request)
    found = await site.reader.run(run_id)
    if found is None:
        raise NotFound("run", run_id)
    choice = LogQuery.of(request.query_params, found)
    last = request.headers.get("last-event-id", "")
    position = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else max(0, after)
    return await _stream(
        site, ("run", run_id, choice.view, choice.wanted), LiveRunPage(site, run_id, choice.view, choice.wanted), seen, position
    )
