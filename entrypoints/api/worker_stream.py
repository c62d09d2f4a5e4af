"""The open line to a worker: claims, stops and wake-ups, each sent the moment it is there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from application.ports.links import Message
from entrypoints.api.worker_presenters import message_line

PING_EVERY = 8.0
"""Seconds; a worker takes a silent stream for dead after a little more than ten."""
PING = b'{"type":"ping"}\n'


async def worker_lines(messages: AsyncIterator[Message], ping_every: float = PING_EVERY) -> AsyncGenerator[bytes, None]:
    """Lines until the link ends. Asking for the next message is never cancelled by a ping: a message taken meanwhile would be lost."""
    asking = asyncio.ensure_future(_next(messages))
    try:
        yield PING
        while True:
            done, _ = await asyncio.wait({asking}, timeout=ping_every)
            if not done:
                yield PING
                continue
            message = asking.result()
            if message is None:
                return
            asking = asyncio.ensure_future(_next(messages))
            yield message_line(message)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        close = getattr(messages, "aclose", None)
        if close is not None:
            await close()


async def _next(messages: AsyncIterator[Message]) -> Message | None:
    return await anext(messages, None)
