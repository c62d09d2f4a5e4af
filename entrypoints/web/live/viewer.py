"""A viewer: one open page with a bounded buffer of messages."""

import asyncio

BUFFERED_MESSAGES = 256


class Viewer:
    """The messages for one open page. A viewer that lets its buffer run full is ended; its page connects again and gets the whole state."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(BUFFERED_MESSAGES)
        self._is_too_slow = False

    def offer(self, data: bytes | None) -> None:
        """Buffer a message; None ends the stream."""
        try:
            self._queue.put_nowait(data)
        except asyncio.QueueFull:
            self._is_too_slow = True

    async def next(self, timeout_seconds: float) -> bytes:
        """Wait for messages and return all that are buffered. Raise TimeoutError if none comes, EOFError when the stream has ended."""
        if self._is_too_slow:
            raise EOFError
        async with asyncio.timeout(timeout_seconds):
            parts = [await self._queue.get()]
        while not self._queue.empty():
            parts.append(self._queue.get_nowait())
        if None in parts:
            raise EOFError
        return b"".join(part for part in parts if part)
