"""Responses that go on: raw ASGI, because a task group per viewer costs five times as much at a thousand viewers."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from domain.errors import Unavailable

HEARTBEAT = 15.0
"""Seconds of silence after which something is said, so that proxies keep the connection."""
STUCK = 20.0
"""Seconds a viewer may leave what it was sent unread before it is dropped; it resumes from its cursor."""
SSE = "text/event-stream"
PING = b": ping\n\n"


class OpenStreams:
    """The streams this process serves now. `close` ends them all, which a server does before it waits for its connections."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[None]] = set()
        self.closing = False

    def add(self, task: asyncio.Future[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.closing:
            task.cancel()

    def close(self) -> None:
        self.closing = True
        for task in list(self._tasks):
            task.cancel()

    def __len__(self) -> int:
        return len(self._tasks)


class EventStream(Response):
    """Sends each chunk at once, until the chunks end, the viewer leaves or stops reading, or the process closes its streams."""

    def __init__(
        self, chunks: AsyncGenerator[bytes, None], streams: OpenStreams, media_type: str = SSE, headers: Mapping[str, str] | None = None
    ) -> None:
        self._chunks = chunks
        self._streams = streams
        self.status_code = 200
        self.background = None
        self.media_type = media_type
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope.get("headgate.head"):
            await send({"type": "http.response.body", "body": b""})
            return
        sending = asyncio.ensure_future(self._send_all(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        self._streams.add(sending)
        try:
            done, _ = await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(sending, leaving)
        if leaving in done:
            return
        if not sending.cancelled() and (error := sending.exception()) is not None:
            raise error
        with suppress(TimeoutError):
            await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), 1.0)

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        try:
            async for chunk in self._chunks:
                async with asyncio.timeout(STUCK):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except (EOFError, TimeoutError, Unavailable):
            return  # too slow, or the store went away: dropped, to resume
        finally:
            await self._chunks.aclose()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
