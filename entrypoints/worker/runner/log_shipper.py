"""An attempt's output on its way to Headgate: in order, in batches, bounded in memory."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from datetime import UTC, datetime
from typing import Final

from entrypoints.worker.client.api_client import ApiClient
from entrypoints.worker.runner.attempt_results import describe_exit
from entrypoints.worker.stage_host.job import Job, OutputLine
from entrypoints.worker_protocol.messages import BODY_LIMIT

output = logging.getLogger("headgate.stage")

_LATENCY: Final = 0.05
"""Seconds a line waits for company at most."""
_BATCH_LINES: Final = 500
_LAST_LINES: Final = 20
_LAST_LINE_LENGTH: Final = 500
_MAX_PENDING_LINES: Final = 4 * _BATCH_LINES
"""Lines that may wait while the web is away; then the stage's own pipe fills, and the stage waits."""


class LogShipper:
    """Numbers the lines of one attempt from 0 and sends them. Headgate's own lines are in the stream `headgate`."""

    def __init__(self, api: ApiClient, run_id: int, stage: str, attempt: int, *, forward_logs: bool = False) -> None:
        self._api = api
        self._forward_logs = forward_logs
        self._attempt = (run_id, stage, attempt)
        self._pending: list[bytes] = []
        self._next = 0
        self._has_lines, self._has_full_batch, self._has_room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._sent = self._over = False
        self.last_error = ""
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        """The newest of the stage's own, each cut: what somebody wants to see who looks at a failure."""

    def add_note(self, text: str) -> None:
        """Add a line of ours. It waits for one of the stage's: a stage that is silent and succeeds costs no request."""
        self._add("headgate", datetime.now(UTC), text)

    async def ship_output(self, job: Job) -> None:
        """Read the job's output to its end, sending beside."""
        sending = asyncio.create_task(self._send_all())
        try:
            async for lines in job.batches():
                for line in lines:
                    self._remember_line(line)
                    self._add(line.stream, line.at, line.text)
                    if line.stream == "stderr" and line.text.strip():
                        self.last_error = line.text
                self._wake_sender()
                await self._wait_for_room()
            end = await job.wait()
            if not end.succeeded:
                self.add_note(end.error or describe_exit(end.code, end.signal))
                self._wake_sender()
            if not self._has_lines.is_set() and not self._sent:
                self._pending.clear()
            self._over = True
            self._has_lines.set()
            self._has_full_batch.set()
            await sending
        finally:
            sending.cancel()

    async def send_notes(self) -> None:
        """Send what was remarked of a stage that never became a job."""
        self._over = True
        self._has_lines.set()
        await self._send_all()

    def _add(self, stream: str, at: datetime, text: str) -> None:
        self._pending.append(json.dumps([self._next, at.isoformat(), stream, text], separators=(",", ":")).encode())
        self._next += 1

    def _remember_line(self, line: OutputLine) -> None:
        self.last_lines.append(line.text[:_LAST_LINE_LENGTH])
        if self._forward_logs:
            output.info("%s", line.text, extra={"stream": line.stream})

    def _wake_sender(self) -> None:
        self._has_lines.set()
        if len(self._pending) >= _BATCH_LINES:
            self._has_full_batch.set()

    async def _wait_for_room(self) -> None:
        while len(self._pending) >= _MAX_PENDING_LINES:
            self._has_room.clear()
            await self._has_room.wait()

    async def _send_all(self) -> None:
        while not (self._over and not self._has_lines.is_set()):
            await self._has_lines.wait()
            if not self._over and not self._has_full_batch.is_set():
                await _wait_at_most(self._has_full_batch, _LATENCY)
            batch = self._take_batch()
            if len(self._pending) < _BATCH_LINES:
                self._has_full_batch.clear()
            if not self._pending:
                self._has_lines.clear()
            self._has_room.set()
            if batch:
                self._sent = True
                await self._api.append_log(*self._attempt, batch)

    def _take_batch(self) -> list[bytes]:
        size = count = 0
        for line in self._pending[:_BATCH_LINES]:
            size += len(line) + 1
            if size > BODY_LIMIT and count:
                break
            count += 1
        batch, self._pending = self._pending[:count], self._pending[count:]
        return batch


async def _wait_at_most(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
