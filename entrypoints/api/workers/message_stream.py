"""The open line to a worker: claims, stops and wake-ups, each sent the moment it is there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from application.ports.dispatch.worker_messages import WorkerMessage
from entrypoints.api.workers.presenters import encode_message

PING_SECONDS = 8.0
"""Seconds; a worker takes a silent stream for dead after a little more than ten."""
PING = b'{"type":"ping"}\n'


async def stream_messages(messages: AsyncIterator[WorkerMessage], ping_seconds: float = PING_SECONDS) -> AsyncGenerator[bytes, None]:
    """Lines until the link ends. Asking for the next message is never cancelled by a ping: a message taken meanwhile would be lost."""
    asking = asyncio.ensure_future(_next(messages))
    try:
        yield PING
        while True:
            done, _ = await asyncio.wait({asking}, timeout=ping_seconds)
            if not done:
                yield PING
                continue
            message = asking.result()
            if message is None:
                return
            asking = asyncio.ensure_future(_next(messages))
            yield encode_message(message)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        close = getattr(messages, "aclose", None)
        if close is not None:
            await close()


async def _next(messages: AsyncIterator[WorkerMessage]) -> WorkerMessage | None:
    return await anext(messages, None)
