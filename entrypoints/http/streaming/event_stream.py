"""Responses that go on: raw ASGI, because a task group per viewer costs five times as much at a thousand viewers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Generator, Mapping
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from domain.errors import Unavailable

HEARTBEAT_SECONDS = 15.0
"""Seconds of silence after which something is said, so that proxies keep the connection."""
WRITE_TIMEOUT_SECONDS = 20.0
"""Seconds a viewer may leave what it was sent unread before it is dropped; it resumes from its cursor."""
SSE_MEDIA_TYPE = "text/event-stream"
SSE_PING = b": ping\n\n"


class EventStream(Response):
    """Sends each chunk at once, until the chunks end, or the viewer leaves or stops reading."""

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
        leaving = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            done, _ = await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(sending, leaving)
        if leaving in done:
            return
        if (error := sending.exception()) is not None:
            raise error
        with suppress(TimeoutError):
            await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), 1.0)

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        try:
            async for chunk in self._chunks:
                sending = send({"type": "http.response.body", "body": chunk, "more_body": True})
                if (rest := _PendingSend.of(sending)) is not None:
                    async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                        await rest
        except (EOFError, TimeoutError, Unavailable):
            return  # too slow, the store went away, or this process stops: the viewer resumes
        finally:
            await self._chunks.aclose()


class _PendingSend:
    """What is left of a sending that has to wait for its viewer. Nearly none has: then no timer is set, and nothing is waited for."""

    def __init__(self, sending: Generator[Any, None, None], blocked: Any) -> None:
        self._sending, self._blocked = sending, blocked

    @classmethod
    def of(cls, sending: Awaitable[None]) -> "_PendingSend | None":
        """Go as far as is possible without waiting."""
        steps = sending.__await__()
        try:
            return cls(steps, next(steps))
        except StopIteration:
            return None

    def __await__(self) -> Generator[Any, None, None]:
        yield self._blocked
        yield from self._sending


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
