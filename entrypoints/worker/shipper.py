"""An attempt's output on its way to Headgate: in order, in batches, bounded in memory."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from datetime import UTC, datetime
from typing import Final

from entrypoints.worker.endings import said_of_exit
from entrypoints.worker.host_job import Job, Line
from entrypoints.worker.link import Link
from entrypoints.worker.wire import BODY_LIMIT

output = logging.getLogger("headgate.stage")

_LATENCY: Final = 0.05
"""Seconds a line waits for company at most."""
_LINES: Final = 500
_KEPT_LINES: Final = 20
_KEPT_LENGTH: Final = 500
_ROOM: Final = 4 * _LINES
"""Lines that may wait while the web is away; then the stage's own pipe fills, and the stage waits."""


class Shipper:
    """Numbers the lines of one attempt from 0 and sends them. Headgate's own lines are in the stream `headgate`."""

    def __init__(self, link: Link, run_id: int, stage: str, attempt: int, *, forwards: bool = False) -> None:
        self._link = link
        self._forwards = forwards
        self._of = (run_id, stage, attempt)
        self._pending: list[bytes] = []
        self._next = 0
        self._news, self._full, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._sent = self._over = False
        self.last_error = ""
        self.last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        """The newest of the stage's own, each cut: what somebody wants to see who looks at a failure."""

    def remark(self, text: str) -> None:
        """Add a line of ours. It waits for one of the stage's: a stage that is silent and succeeds costs no request."""
        self._add("headgate", datetime.now(UTC), text)

    async def ship(self, job: Job) -> None:
        """Read the job's output to its end, sending beside."""
        sending = asyncio.create_task(self._send_all())
        try:
            async for lines in job.batches():
                for line in lines:
                    self._keep(line)
                    self._add(line.stream, line.at, line.text)
                    if line.stream == "stderr" and line.text.strip():
                        self.last_error = line.text
                self._announce()
                await self._room_for_more()
            end = await job.wait()
            if not end.succeeded:
                self.remark(end.error or said_of_exit(end.code, end.signal))
                self._announce()
            if not self._news.is_set() and not self._sent:
                self._pending.clear()
            self._over = True
            self._news.set()
            self._full.set()
            await sending
        finally:
            sending.cancel()

    async def send_remarks(self) -> None:
        """Send what was remarked of a stage that never became a job."""
        self._over = True
        self._news.set()
        await self._send_all()

    def _add(self, stream: str, at: datetime, text: str) -> None:
        self._pending.append(json.dumps([self._next, at.isoformat(), stream, text], separators=(",", ":")).encode())
        self._next += 1

    def _keep(self, line: Line) -> None:
        self.last_lines.append(line.text[:_KEPT_LENGTH])
        if self._forwards:
            output.info("%s", line.text, extra={"stream": line.stream})

    def _announce(self) -> None:
        self._news.set()
        if len(self._pending) >= _LINES:
            self._full.set()

    async def _room_for_more(self) -> None:
        while len(self._pending) >= _ROOM:
            self._room.clear()
            await self._room.wait()

    async def _send_all(self) -> None:
        while not (self._over and not self._news.is_set()):
            await self._news.wait()
            if not self._over and not self._full.is_set():
                await _within(self._full, _LATENCY)
            batch = self._batch()
            if len(self._pending) < _LINES:
                self._full.clear()
            if not self._pending:
                self._news.clear()
            self._room.set()
            if batch:
                self._sent = True
                await self._link.append_log(*self._of, batch)

    def _batch(self) -> list[bytes]:
        size = count = 0
        for line in self._pending[:_LINES]:
            size += len(line) + 1
            if size > BODY_LIMIT and count:
                break
            count += 1
        batch, self._pending = self._pending[:count], self._pending[count:]
        return batch


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
