"""Sends an attempt's output to Headgate: in order, in batches, with bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from datetime import datetime
from typing import Final

from application.ports.system.clock import Clock
from entrypoints.worker.client.api_client import ApiClient
from entrypoints.worker.runner.attempt_results import describe_ended_helpers, describe_exit
from entrypoints.worker.runner.failure_reason import FailureReason
from entrypoints.worker.stage_host.job import Job, OutputLine
from entrypoints.worker_protocol.messages import BODY_LIMIT

output = logging.getLogger("headgate.stage")

_LATENCY: Final = 0.05
"""Seconds that a line waits for more lines at most."""
_BATCH_LINES: Final = 500
_LAST_LINES: Final = 20
_LAST_LINE_LENGTH: Final = 500
_MAX_PENDING_LINES: Final = 4 * _BATCH_LINES
"""Lines that wait while Headgate is unavailable. Beyond them the stage's pipe fills and the stage waits."""


class LogShipper:
    """Numbers the lines of one attempt from 0 and sends them. Notes of the worker itself are in the stream `headgate`."""

    def __init__(self, api: ApiClient, run_id: int, stage: str, attempt: int, clock: Clock, *, forward_logs: bool = False) -> None:
        self._api, self._clock = api, clock
        self._forward_logs = forward_logs
        self._attempt = (run_id, stage, attempt)
        self._pending: list[bytes] = []
        self._next = 0
        self._has_lines, self._has_full_batch, self._has_room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._has_sent = self._is_finished = False
        self._reason = FailureReason()
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        """The newest lines of the stage, each cut, to be shown with a failure."""

    @property
    def last_error(self) -> str:
        """The line that says best why the stage failed, so far."""
        return self._reason.text

    def add_note(self, text: str) -> None:
        """Add a line of the worker's. It is sent with the stage's next line, so a silent stage that succeeds costs no request."""
        self._add("headgate", self._clock.now(), text)

    async def ship_output(self, job: Job) -> None:
        """Read the job's output to its end and send it meanwhile."""
        sending = asyncio.create_task(self._send_all())
        try:
            async for lines in job.batches():
                for line in lines:
                    self._remember_line(line)
                    self._add(line.stream, line.at, line.text)
                    self._reason.add(line.stream, line.text)
                self._wake_sender()
                await self._wait_for_room()
            end = await job.wait()
            for note in describe_ended_helpers(end.ended_helpers):
                self.add_note(note)
                self._wake_sender()
            if not end.succeeded:
                self.add_note(end.error or describe_exit(end.code, end.signal))
                self._wake_sender()
            if not self._has_lines.is_set() and not self._has_sent:
                self._pending.clear()
            self._is_finished = True
            self._has_lines.set()
            self._has_full_batch.set()
            await sending
        finally:
            sending.cancel()

    async def send_notes(self) -> None:
        """Send the notes on a stage whose process never started."""
        self._is_finished = True
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
        while not (self._is_finished and not self._has_lines.is_set()):
            await self._has_lines.wait()
            if not self._is_finished and not self._has_full_batch.is_set():
                await _wait_at_most(self._has_full_batch, _LATENCY)
            batch = self._take_batch()
            if len(self._pending) < _BATCH_LINES:
                self._has_full_batch.clear()
            if not self._pending:
                self._has_lines.clear()
            self._has_room.set()
            if batch:
                self._has_sent = True
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
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
