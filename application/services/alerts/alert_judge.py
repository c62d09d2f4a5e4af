"""Judges what happened to runs by alert rules, in every web process."""

import asyncio
import contextlib
from collections.abc import Collection
from typing import Final

from application.observability.alert_telemetry import AlertTelemetry
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.queries.change_feed import ChangeBatch, ChangeFeed
from application.ports.system.clock import Clock
from application.services.alerts.batch_judging import BatchJudging, JudgedBatch
from application.services.alerts.judged_facts import RUN_EVENT_TYPES, WAIT_EVENT_TYPES
from application.services.alerts.rule_watch import RuleWatch
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.errors import Unavailable
from domain.runs.events import EventType

PAGE_SIZE: Final = 500
"""Events of one transaction."""
POLL_SECONDS: Final = 3.0
"""The longest sleep while there are rules: another process may have died after it committed the end of a run."""
MAX_SLEEP_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.1
"""The time between two passes. Ends of runs that are close together share one."""


class AlertJudge:
    """Opens, repeats and resolves incidents, and plans their messages.

    The position in the change feed is locked by one process at a time, and moves in the transaction that stores what the events changed. So
    each event is judged once, whatever process ends at whatever moment.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        feed: ChangeFeed,
        batch_judging: BatchJudging,
        clock: Clock,
        wakeups: LocalWakeups,
        telemetry: AlertTelemetry,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._feed = feed
        self._judging = batch_judging
        self._clock = clock
        self._wakeups = wakeups
        self._telemetry = telemetry
        self._watch = RuleWatch()
        self._single_events = 0
        """The number of next events that are judged one by one, because a page could not be judged."""

    async def wait(self) -> None:
        """Return when a run ended or began to wait, or when rules changed."""
        await asyncio.sleep(PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS if self._watch.has_rules else MAX_SLEEP_SECONDS):
                await self._wakeups.alerts.wait()

    async def run_once(self) -> None:
        """Judge all new events, unless another process does. Raise the last error of an event that could not be judged."""
        self._wakeups.alerts.clear()
        failure: Exception | None = None
        while True:
            try:
                if not await self._judge_page():
                    break
            except _PageFailed as failed:
                await self._isolate(failed)
                failure = failed.error
        self._wakeups.judges_runs = self._watch.has_rules
        if failure is not None:
            raise failure

    async def _judge_page(self) -> bool:
        """Judge the next events in one transaction. Return False if there are no more, or if another process judges them."""
        limit = 1 if self._single_events else PAGE_SIZE
        async with self._open_unit_of_work() as work:
            position = await work.incidents.lock_position()
            if position is None:
                return False
            batch = await self._read(work, position.cursor, limit)
            if batch.cursor == position.cursor:
                return False
            result = await self._judge(work, batch, limit)
            await work.incidents.save_position(batch.cursor)
            await work.commit()
        self._single_events = max(0, self._single_events - 1)
        if result is not None:
            self._notify(result)
        return batch.event_count >= limit

    async def _judge(self, work: UnitOfWork, batch: ChangeBatch, limit: int) -> JudgedBatch | None:
        if not batch.event_count:
            return None
        try:
            return await self._judging.judge(work, batch, self._clock.now())
        except Unavailable:
            raise
        except Exception as error:
            raise _PageFailed(error, batch, limit) from error

    def _notify(self, result: JudgedBatch) -> None:
        if result.has_new_rules:
            self._watch.expire()
        if result.changed:
            self._telemetry.count(result.entries)
            self._wakeups.notify_committed()
        if result.transitions:
            self._wakeups.notify_deliveries_changed()
        if result.has_expected_runs:
            self._wakeups.expectations.set()

    async def _isolate(self, failed: "_PageFailed") -> None:
        """Judge the events of a failed page one by one, and pass over one that fails alone."""
        if failed.limit > 1:
            self._single_events = failed.batch.event_count
            return
        self._single_events = max(0, self._single_events - 1)
        async with self._open_unit_of_work() as work:
            if await work.incidents.lock_position() is not None:
                await work.incidents.save_position(failed.batch.cursor)
                await work.commit()

    async def _read(self, work: UnitOfWork, cursor: str | None, limit: int) -> ChangeBatch:
        """Read the events that rules need. A new or an unknown cursor (a restored database) continues from now."""
        if cursor is None:
            return ChangeBatch([], await self._feed.position())
        try:
            if self._watch.has_rules:
                await self._watch.refresh(work, self._clock.now())
                return await self._feed.read(cursor, limit, self._get_types())
            batch = await self._feed.read(cursor, limit, ())
            await self._watch.refresh(work, self._clock.now(), is_due=True)
            # A rule that did not exist after the read applied to none of its events.
            return await self._feed.read(cursor, limit, self._get_types()) if self._watch.has_rules else batch
        except ValueError:
            return ChangeBatch([], await self._feed.position())

    def _get_types(self) -> Collection[EventType]:
        return RUN_EVENT_TYPES + WAIT_EVENT_TYPES if self._watch.has_waits else RUN_EVENT_TYPES


class _PageFailed(Exception):
    """Events could not be judged, for a reason that another pass would not remove."""

    def __init__(self, error: Exception, batch: ChangeBatch, limit: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.batch = batch
        self.limit = limit
