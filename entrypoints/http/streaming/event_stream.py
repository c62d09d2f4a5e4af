"""Streaming responses as raw ASGI: with a task group per viewer, 1,000 viewers cost five times as much."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Generator, Mapping
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from domain.errors import Unavailable

HEARTBEAT_SECONDS = 15.0
"""A silent stream sends a heartbeat this often, so that proxies keep the connection open."""
WRITE_TIMEOUT_SECONDS = 20.0
"""A viewer that reads nothing for so long is disconnected. It resumes from its cursor."""
SSE_MEDIA_TYPE = "text/event-stream"
SSE_PING = b": ping\n\n"


class EventStream(Response):
    """Send each chunk at once, until the chunks end or the viewer disconnects or stops reading."""

    def __init__(
        self, chunks: AsyncGenerator[bytes, None], media_type: str = SSE_MEDIA_TYPE, headers: Mapping[str, str] | None = None
    ) -> None:
        self._chunks = chunks
        self.status_code = 200
        self.background = None
        self.media_type = media_type
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sending = asyncio.ensure_future(self._send_all(send))
        disconnect = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            done, _ = await asyncio.wait({sending, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(sending, disconnect)
        if disconnect in done:
            return
        if (error := sending.exception()) is not None:
            raise error
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await send({"type": "http.response.body", "body": b""})

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        try:
            async for chunk in self._chunks:
                sending = send({"type": "http.response.body", "body": chunk, "more_body": True})
                if (pending := _PendingSend.start(sending)) is not None:
                    async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                        await pending
        except (EOFError, TimeoutError, Unavailable):
            return  # the viewer is too slow, the database is unreachable, or the process stops: the viewer reconnects and resumes
        finally:
            await self._chunks.aclose()


class _PendingSend:
    """A send that waits for its viewer. Most sends finish without waiting, and then need no timer."""

    def __init__(self, sending: Generator[Any, None, None], waits_for: Any) -> None:
        self._sending, self._waits_for = sending, waits_for

    @classmethod
    def start(cls, sending: Awaitable[None]) -> "_PendingSend | None":
        """Run the send until it has to wait; return None if it has finished."""
        steps = sending.__await__()
        try:
            return cls(steps, next(steps))
        except StopIteration:
            return None

    def __await__(self) -> Generator[Any, None, None]:
        yield self._waits_for
        yield from self._sending


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
