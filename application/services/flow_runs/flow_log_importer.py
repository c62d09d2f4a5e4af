"""Copies the logs of flow runs into those of their attempts."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from application.commands.runs.append_log import correct_time
from application.ports.dispatch.deployments import Deployments, FlowLogLine, FlowLogPage
from application.ports.persistence.flow_runs import FlowLogState, FlowRunRef, FollowedFlowRun
from application.ports.persistence.logs import AppendedLines, NewLogLine
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.flow_runs.bounded_calls import run_bounded
from application.services.flow_runs.log_interest import LogInterest
from domain.output.terminal_line import is_redrawn, render_line
from domain.runs.attempt_log import LogLimit
from domain.text_validation import replace_unstorable

POLL_SECONDS: Final = 2.0
MAX_SLEEP_SECONDS: Final = 60.0
MAX_CALLS: Final = 4
MAX_PAGES: Final = 5
"""Pages of one flow run that a pass copies while the flow run is under way."""


class FlowLogImporter:
    """Copies the logs that are read at present every POLL_SECONDS, and the rest of a log when its flow run has ended.

    The position in Prefect and the lines are stored in one transaction, so that processes that copy the same log store no line twice.
    Once the attempt's log is full, nothing is copied until the end, which adds the last lines.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        deployments: Deployments,
        clock: Clock,
        wakeups: LocalWakeups,
        interest: LogInterest,
        limit_bytes: int,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._deployments = deployments
        self._clock = clock
        self._wakeups = wakeups
        self._interest = interest
        self._limit = LogLimit(limit_bytes)
        self._full: set[FlowRunRef] = set()
        """The attempts whose logs are full."""

    async def wait(self) -> None:
        """Return when another log is read, or after POLL_SECONDS while any is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS if self._interest.list_run_ids() else MAX_SLEEP_SECONDS):
                await self._interest.has_news.wait()

    async def run_once(self) -> None:
        """Copy the new messages of the logs that are read."""
        self._interest.has_news.clear()
        run_ids = self._interest.list_run_ids()
        if not run_ids:
            return
        async with self._open_unit_of_work() as work:
            followed = await work.flow_runs.find_followed(run_ids)
        self._full &= {each.ref for each in followed}
        await run_bounded(MAX_CALLS, self._copy_new, [each for each in followed if each.ref not in self._full])

    async def copy_rest(self, ref: FlowRunRef, flow_run_id: str) -> None:
        """Copy the messages up to the end of a flow run that is over. Of those that do not fit, the last ones are stored."""
        state = await self._load_state(ref)
        tail = _Tail()
        while state is not None:
            page = await self._deployments.read_log(flow_run_id, state.position, is_over=True)
            lines = self._to_lines(page, state)
            if tail.max_bytes is None:
                appended = await self._store(ref, state, page, lines, is_over=True)
                if appended is None:
                    state = await self._load_state(ref)
                    continue
                tail.begin(appended, lines)
            else:
                tail.add(lines)
            state = FlowLogState(page.position, state.next_index + len(lines))
            if not page.has_more:
                break
        if tail.lines:
            await self._append_tail(ref, list(tail.lines))
        self._full.discard(ref)

    async def _copy_new(self, followed: FollowedFlowRun) -> None:
        for _ in range(MAX_PAGES):
            state = await self._load_state(followed.ref)
            if state is None:
                return
            page = await self._deployments.read_log(followed.flow_run_id, state.position, is_over=False)
            if page.position != state.position:
                appended = await self._store(followed.ref, state, page, self._to_lines(page, state), is_over=False)
                if appended is None or appended.tail is not None:
                    return
            if not page.has_more:
                return

    def _to_lines(self, page: FlowLogPage, state: FlowLogState) -> list[NewLogLine]:
        now = self._clock.now()
        return [correct_time(line, now) for line in _split_messages(page.lines, state.next_index)]

    async def _load_state(self, ref: FlowRunRef) -> FlowLogState | None:
        async with self._open_unit_of_work() as work:
            return await work.flow_runs.lock_log(ref)

    async def _store(
        self, ref: FlowRunRef, state: FlowLogState, page: FlowLogPage, lines: Sequence[NewLogLine], *, is_over: bool
    ) -> AppendedLines | None:
        """Store a page that was read from this state. Return None if another process has stored it already.

        If the log becomes full, the position stays, so that the end is read from there.
        """
        async with self._open_unit_of_work() as work:
            if await work.flow_runs.lock_log(ref) != state:
                return None
            appended = await work.logs.append(*ref, lines, self._limit) if lines else AppendedLines(0)
            if appended.tail is None:
                await work.flow_runs.set_log(ref, FlowLogState(page.position, state.next_index + len(lines)))
            await work.commit()
        if appended.tail is not None and not is_over:
            self._full.add(ref)
        if appended.stored:
            self._wakeups.notify_committed(log_run_ids=[ref.run_id])
        return appended

    async def _append_tail(self, ref: FlowRunRef, lines: Sequence[NewLogLine]) -> None:
        async with self._open_unit_of_work() as work:
            await work.logs.append(*ref, lines, self._limit, is_tail=True)
            await work.commit()
        self._wakeups.notify_committed(log_run_ids=[ref.run_id])


class _Tail:
    """The last lines of a log that is longer than its limit."""

    def __init__(self) -> None:
        self.lines: deque[NewLogLine] = deque()
        self.max_bytes: int | None = None
        self._size = 0

    def begin(self, appended: AppendedLines, lines: Iterable[NewLogLine]) -> None:
        """Take the lines for which the head had no room, if it is full."""
        if appended.tail is not None:
            start = appended.tail.index
            self.max_bytes = appended.tail.max_bytes
            self.add(line for line in lines if line.index >= start)

    def add(self, lines: Iterable[NewLogLine]) -> None:
        for line in lines:
            self.lines.append(line)
            self._size += len(line.text.encode())
            while self._size > (self.max_bytes or 0):
                self._size -= len(self.lines.popleft().text.encode())


def _split_messages(messages: Iterable[FlowLogLine], next_index: int) -> list[NewLogLine]:
    """Return the lines of messages as a terminal shows them, numbered from `next_index`. Warnings and errors go to `stderr`."""
    parts = [(message, text) for message in messages for text in _split_lines(message.text)]
    return [
        NewLogLine(next_index + offset, message.at, "stderr" if message.level >= logging.WARNING else "stdout", text)
        for offset, (message, text) in enumerate(parts)
    ]


def _split_lines(text: str) -> list[str]:
    lines = replace_unstorable(text).replace("\r\n", "\n").split("\n")
    return [render_line(line)[0] if is_redrawn(line) else line for line in lines]
