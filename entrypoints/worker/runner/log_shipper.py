"""Reads an attempt's output, sends it to Headgate, and keeps what its report needs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import Final

from application.ports.system.clock import Clock
from domain.output.failure_reason import FailureReason
from domain.output.failure_text import describe_exit
from domain.output.terminal_codes import strip_terminal_codes
from entrypoints.worker.client.api_client import ApiClient
from entrypoints.worker.runner.attempt_results import describe_ended_helpers
from entrypoints.worker.runner.log_sender import UNFINISHED_LENGTH, LogSender
from entrypoints.worker.stage_host.job import Job, OutputLine

output = logging.getLogger("headgate.stage")

_UNFINISHED_SECONDS: Final = 0.75
"""Time between two looks at the unfinished lines."""
_LAST_LINES: Final = 20
_LAST_LINE_LENGTH: Final = 500


class LogShipper:
    """Ships the output of one attempt. Notes of the worker itself are in the stream `headgate`."""

    def __init__(self, api: ApiClient, run_id: int, stage: str, attempt: int, clock: Clock, *, forward_logs: bool = False) -> None:
        self._sender = LogSender(api, run_id, stage, attempt)
        self._clock = clock
        self._forward_logs = forward_logs
        self._reason = FailureReason()
        self._is_read = asyncio.Event()
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        """The newest lines of the stage, without colours and each cut, to be shown with a failure."""

    @property
    def last_error(self) -> str:
        """The line that says best why the stage failed, so far."""
        return self._reason.text

    def add_note(self, text: str) -> None:
        """Add a note of the worker's, which may have several lines.

        It is sent with the stage's next line, so a silent stage that succeeds costs no request.
        """
        now = self._clock.now()
        for line in strip_terminal_codes(text).splitlines():
            self._sender.add("headgate", now, line)

    async def ship_output(self, job: Job) -> None:
        """Read the job's output to its end and send it meanwhile."""
        sending, watching = asyncio.create_task(self._sender.run()), asyncio.create_task(self._watch_unfinished(job))
        try:
            async for lines in job.batches():
                for line in lines:
                    self._remember_line(line)
                    self._sender.add(line.stream, line.at, line.text, is_order_approximate=line.is_order_approximate)
                self._sender.wake()
                await self._sender.wait_for_room()
            self._is_read.set()
            watching.cancel()
            await self._add_last_notes(job)
            self._sender.discard_if_unused()
            self._sender.finish()
            await sending
        finally:
            self._is_read.set()
            watching.cancel()
            sending.cancel()

    async def wait_until_read(self, seconds: float) -> None:
        """Wait until `last_error` is final, at most that long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_read.wait()

    async def send_notes(self) -> None:
        """Send the notes on a stage whose process never started."""
        self._sender.finish()
        await self._sender.run()

    async def _watch_unfinished(self, job: Job) -> None:
        """Show the state of a line that has been unfinished for a while, again and again until the line is finished."""
        lines: dict[str, int] = {}
        while True:
            await asyncio.sleep(_UNFINISHED_SECONDS)
            unfinished = job.unfinished
            shown = [(rest.stream, rest.text[:UNFINISHED_LENGTH]) for rest in unfinished if lines.get(rest.stream, 0) == rest.line]
            self._sender.show_unfinished(shown, self._clock.now())
            lines = {rest.stream: rest.line for rest in unfinished}

    async def _add_last_notes(self, job: Job) -> None:
        end = await job.wait()
        notes = describe_ended_helpers(end.ended_helpers)
        if not end.succeeded:
            notes.append(end.error or describe_exit(end.code, end.signal))
        for note in notes:
            self.add_note(note)
            self._sender.wake()

    def _remember_line(self, line: OutputLine) -> None:
        text = strip_terminal_codes(line.text)
        self.last_lines.append(text[:_LAST_LINE_LENGTH])
        self._reason.add(line.stream, text)
        if self._forward_logs:
            output.info("%s", text, extra={"stream": line.stream})
