"""The open stream to a worker: claims, stops and wake-ups, sent as soon as they exist."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from application.ports.dispatch.worker_messages import WorkerMessage
from entrypoints.api.workers.responses import encode_message

PING_SECONDS = 8.0
"""A worker considers the stream lost after a little more than ten seconds of silence."""
PING = b'{"type":"ping"}\n'


async def stream_messages(messages: AsyncIterator[WorkerMessage], ping_seconds: float = PING_SECONDS) -> AsyncGenerator[bytes, None]:
    """Yield lines until the stream closes. A ping never cancels the wait for the next message: a message taken meanwhile would be lost."""
    pending = asyncio.ensure_future(_next(messages))
    try:
        yield PING
        while True:
            done, _ = await asyncio.wait({pending}, timeout=ping_seconds)
            if not done:
                yield PING
                continue
            message = pending.result()
            if message is None:
                return
            pending = asyncio.ensure_future(_next(messages))
            yield encode_message(message)
    finally:
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        close = getattr(messages, "aclose", None)
        if close is not None:
            await close()


async def _next(messages: AsyncIterator[WorkerMessage]) -> WorkerMessage | None:
    return await anext(messages, None)
