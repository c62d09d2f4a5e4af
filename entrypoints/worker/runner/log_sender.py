"""Sends an attempt's lines to Headgate: in order, in batches, with bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from entrypoints.worker.client.api_client import ApiClient
from entrypoints.worker.runner.tail_buffer import NumberedLine, TailBuffer
from entrypoints.worker.runner.unfinished_state import UnfinishedState
from entrypoints.worker_protocol.messages import BODY_LIMIT, LogTailStart

_LATENCY: Final = 0.05
"""Seconds that a line waits for more lines at most."""
_BATCH_LINES: Final = 500
UNFINISHED_LENGTH: Final = 4_000
"""Characters of an unfinished line that are sent."""
_SHOWN_TAIL_LINES: Final = 20
_TAIL_BATCH_LINES: Final = 4 * _BATCH_LINES
_MAX_PENDING_LINES: Final = 4 * _BATCH_LINES
"""Lines that wait while Headgate is unavailable. Beyond them the stage's pipe fills and the stage waits."""


class LogSender:
    """Numbers the lines of one attempt from 0 and sends them as they come. Once Headgate has stored the head of the log, it keeps the
    newest lines and sends them at the end."""

    def __init__(self, api: ApiClient, run_id: int, stage: str, attempt: int) -> None:
        self._api = api
        self._attempt = (run_id, stage, attempt)
        self._pending: list[bytes] = []
        self._tail: TailBuffer | None = None
        self._unfinished = UnfinishedState()
        self._next = 0
        self._has_lines, self._has_full_batch, self._has_room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._has_sent = self._is_finished = False

    def add(self, stream: str, at: datetime, text: str, *, is_order_approximate: bool = False) -> None:
        """Take a line. It is sent after the next `wake` or at the end."""
        line = NumberedLine(self._next, at, stream, text, is_order_approximate)
        self._next += 1
        if self._tail is None:
            self._unfinished.finish_line(stream)
            self._pending.append(line.encode())
        else:
            self._tail.add(line)

    def show_unfinished(self, lines: Sequence[tuple[str, str]], at: datetime) -> None:
        """Send the stream and the text of each unfinished line, unless they are the same as before.

        The newest lines of the tail come before them, so that a log whose head is full still shows what the stage does, also if this worker
        is killed before it can send the tail.
        """
        if self._tail is not None:
            newest = self._tail.get_newest(_SHOWN_TAIL_LINES, UNFINISHED_LENGTH)
            for stream, text in lines:
                newest.setdefault(stream, []).append(text)
            lines = [(stream, "\n".join(texts)[-UNFINISHED_LENGTH:]) for stream, texts in newest.items()]
        if self._unfinished.update(lines, at):
            self.wake()

    def wake(self) -> None:
        """Send the lines that wait."""
        self._has_lines.set()
        if len(self._pending) >= _BATCH_LINES:
            self._has_full_batch.set()

    async def wait_for_room(self) -> None:
        """Wait while too many lines are pending."""
        while len(self._pending) >= _MAX_PENDING_LINES:
            self._has_room.clear()
            await self._has_room.wait()

    def discard_if_unused(self) -> None:
        """Drop the lines if none was sent and `wake` was not called."""
        if not self._has_lines.is_set() and not self._has_sent:
            self._pending.clear()

    def finish(self) -> None:
        """Let `run` end once all lines are sent. No line follows."""
        self._is_finished = True
        self._has_lines.set()
        self._has_full_batch.set()

    async def run(self) -> None:
        """Send lines until all of them are sent after `finish`."""
        while not (self._is_finished and not self._has_lines.is_set()):
            await self._has_lines.wait()
            if not self._is_finished and not self._has_full_batch.is_set():
                await _wait_at_most(self._has_full_batch, _LATENCY)
            first = self._next - len(self._pending)
            batch = self._take_batch()
            if len(self._pending) < _BATCH_LINES:
                self._has_full_batch.clear()
            if not self._pending:
                self._has_lines.clear()
            self._has_room.set()
            unfinished = self._unfinished.take_changes()
            if batch or unfinished:
                self._has_sent = True
                start = await self._api.append_log(*self._attempt, batch, unfinished=unfinished)
                if start is not None and self._tail is None:
                    self._start_tail(start, batch[max(0, start.index - first) :])
        if self._tail is not None:
            self._unfinished.clear()
            for lines in _split([line.encode() for line in self._tail.take_lines()]):
                await self._api.append_log(*self._attempt, lines, is_tail=True, unfinished=self._unfinished.take_changes())

    def _take_batch(self) -> list[bytes]:
        count = _count_fitting(self._pending[:_BATCH_LINES])
        batch, self._pending = self._pending[:count], self._pending[count:]
        return batch

    def _start_tail(self, start: LogTailStart, refused: Sequence[bytes]) -> None:
        """Keep the newest lines from now on, beginning with those that Headgate did not store."""
        self._tail = TailBuffer(start.max_bytes)
        for line in (*refused, *self._pending):
            self._tail.add(NumberedLine.decode(line))
        self._pending = []
        self._has_lines.clear()
        self._has_room.set()


def _count_fitting(lines: Sequence[bytes]) -> int:
    """Return how many of the lines fit into one request, at least one."""
    size = 0
    for count, line in enumerate(lines):
        size += len(line) + 1
        if size > BODY_LIMIT and count:
            return count
    return len(lines)


def _split(lines: list[bytes]) -> Iterator[list[bytes]]:
    while lines:
        count = _count_fitting(lines[:_TAIL_BATCH_LINES])
        yield lines[:count]
        lines = lines[count:]


async def _wait_at_most(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
