"""Reads the change feed for this process, and passes changes to viewers, connected workers and the tick service."""

import asyncio

from application.ports.dispatch.worker_messages import StopRun, WakeRun
from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.change_feed import ChangeBatch, ChangeFeed
from application.queries.views.events import EventView
from application.services.alerts.rule_removal import RULE_EVENT_TYPES
from application.services.dispatch.local_wakeups import DispatchRequest, LocalWakeups
from application.services.feed.event_hub import EventHub
from domain.runs.events import EventType
from domain.runs.status import Reason, Status
from domain.site_events import SiteEventType

POLL_SECONDS = 1.0
"""How long a lost notification may delay a reader."""
PAGE_SIZE = 1_000
WORKER_EVENT_TYPES = (
    EventType.DISPATCH_REQUESTED,
    EventType.DISPATCH_CLAIMED,
    EventType.DISPATCH_LOST,
    EventType.CANCEL_REQUESTED,
    EventType.VERDICT_GIVEN,
    EventType.STAGE_MOVED,
    EventType.STAGE_CANCEL_REQUESTED,
    EventType.STAGE_GRANTED,
    EventType.RUN_GRANTED,
    EventType.RUN_LIMITED,
)
"""The event types that `_notify_workers` and `_notify_grant_service` read."""
DELIVERY_EVENT_TYPES = {SiteEventType.INCIDENT_CHANGED, SiteEventType.CHANNEL_CHANGED, SiteEventType.SILENCE_CHANGED}
"""The types of site events after which alert messages may be due."""
UNSCHEDULED_EVENT_TYPES = {SiteEventType.TICK, SiteEventType.BACKFILL_CHANGED, SiteEventType.ALERT_RULES_CHANGED} | DELIVERY_EVENT_TYPES
"""The types of site events that change no time at which a schedule fires."""
SLOT_SITE_EVENTS = (SiteEventType.PIPELINE_CHANGED, SiteEventType.GROUP_CHANGED)
"""The site events after which a slot may be free."""
VIEWER_WRITES_PER_SECOND = 25_000
"""Roughly how many writes to viewers one process can make. With many viewers, events that are close together share a write."""
MAX_COALESCING_SECONDS = 0.04
"""The longest delay for that purpose."""


class FeedReader:
    """The only reader of the change feed in a process.

    Each `run_once` waits for a notification, at most POLL_SECONDS, and reads what was committed since the last one. It reads the first
    events after a pause at once; with many viewers, it reads those that follow together.
    """

    def __init__(
        self, feed: ChangeFeed, hub: EventHub, worker_streams: WorkerStreams, wakeups: LocalWakeups, open_unit_of_work: OpenUnitOfWork
    ) -> None:
        self._feed = feed
        self._hub = hub
        self._worker_streams = worker_streams
        self._wakeups = wakeups
        self._open_unit_of_work = open_unit_of_work
        self._cursor: str | None = None
        self._not_before = 0.0
        self._has_more = False

    async def run_once(self) -> None:
        if self._cursor is None:
            self._cursor = await self._feed.position()
            self._hub.set_cursor(self._cursor)
            self._wakeups.notify_slots_changed()  # requests from before this position are in no batch
        await asyncio.sleep(max(0.0, self._not_before - asyncio.get_running_loop().time()))
        log_run_ids = await self._feed.wait(0 if self._has_more else POLL_SECONDS)
        batch = await self._read(self._cursor)
        self._cursor = batch.cursor
        self._has_more = batch.event_count >= PAGE_SIZE
        if batch.event_count or log_run_ids:
            delay = min(MAX_COALESCING_SECONDS, self._hub.viewer_count / VIEWER_WRITES_PER_SECOND)
            self._not_before = asyncio.get_running_loop().time() + delay
            self._hub.publish(ChangeBatch(batch.events, batch.cursor, tuple(log_run_ids), batch.site_events))
        else:
            self._hub.set_cursor(batch.cursor)
        types = {event.type for event in batch.site_events}
        if types - UNSCHEDULED_EVENT_TYPES:
            self._wakeups.notify_schedules_changed()
        if SiteEventType.BACKFILL_CHANGED in types:
            self._wakeups.notify_backfills_changed()
        if not RULE_EVENT_TYPES.isdisjoint(types):
            self._wakeups.notify_alerts_changed()
        if not DELIVERY_EVENT_TYPES.isdisjoint(types):
            self._wakeups.notify_deliveries_changed()
        self._notify_grant_service(batch)
        await self._notify_workers(batch)

    async def _read(self, cursor: str) -> ChangeBatch:
        """Read all events if there are viewers, otherwise site events and the few events of runs that concern workers."""
        if not self._hub.viewer_count:
            batch = await self._feed.read(cursor, PAGE_SIZE, WORKER_EVENT_TYPES)
            if not self._hub.viewer_count:
                return batch
            # A viewer subscribed during the read and starts at `cursor`, so it needs all events since.
        return await self._feed.read(cursor, PAGE_SIZE)

    def _notify_grant_service(self, batch: ChangeBatch) -> None:
        """Wake the grant service if another process may have left requests for slots, or slots, behind."""
        has_request = any(event.type is EventType.RUN_LIMITED or event.data.get("reason") == Reason.LIMIT for event in batch.events)
        if has_request or any(event.type in SLOT_SITE_EVENTS for event in batch.site_events):
            self._wakeups.notify_slots_changed()

    async def _notify_workers(self, batch: ChangeBatch) -> None:
        """Send connected workers what other processes committed: cancellations, startable stages and requested dispatches.

        A worker whose lease expired is disconnected first, so that it does not get the next dispatch.
        """
        for event in batch.events:
            if event.type is EventType.DISPATCH_LOST and event.actor is not None:
                self._worker_streams.disconnect(event.actor)
        claimed = {(event.run_id, event.data["dispatch"]) for event in batch.events if event.type is EventType.DISPATCH_CLAIMED}
        for event in batch.events:
            if event.type is EventType.DISPATCH_REQUESTED and (event.run_id, event.data["dispatch"]) not in claimed:
                self._wakeups.request_dispatch(_to_request(event))
        stopped = {event.run_id for event in batch.events if event.type in (EventType.CANCEL_REQUESTED, EventType.VERDICT_GIVEN)}
        moves = [event for event in batch.events if event.type in (EventType.STAGE_MOVED, EventType.STAGE_CANCEL_REQUESTED)]
        started = {(move.run_id, move.stage, move.attempt) for move in moves if move.status is Status.RUNNING}
        # The worker that started a stage in the same batch knows about it already.
        changed = {move.run_id for move in moves if _concerns_worker(move) and (move.run_id, move.stage, move.attempt) not in started}
        changed |= {event.run_id for event in batch.events if event.type in (EventType.STAGE_GRANTED, EventType.RUN_GRANTED)}
        if not stopped and not changed:
            return
        async with self._open_unit_of_work() as work:
            holders = await work.dispatches.find_holders(sorted(stopped | changed))
        for run_id, worker_id in holders.items():
            self._worker_streams.push(worker_id, StopRun(run_id) if run_id in stopped else WakeRun(run_id))


def _to_request(event: EventView) -> DispatchRequest:
    data = event.data
    return DispatchRequest(event.run_id, int(data["dispatch"]), str(data["pool"]), priority=int(data.get("priority", 0)))


def _concerns_worker(move: EventView) -> bool:
    """Return True if the stage became startable, has to be ended, or timed out while its worker may still run it."""
    if move.type is EventType.STAGE_CANCEL_REQUESTED:
        return True
    if move.status is Status.QUEUED:
        return move.data.get("reason") != Reason.LIMIT
    return move.status is Status.FAILED and move.data.get("reason") == Reason.TIMEOUT
