"""The one reader of the change feed in this process: hands batches to viewers and messages to workers linked here."""

import asyncio

from application.ports.dispatch.worker_messages import StopRun, WakeRun
from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.change_feed import ChangeBatch, ChangeFeed
from application.queries.views.events import EventView
from application.services.dispatch.local_wakeups import DispatchRequest, LocalWakeups
from application.services.feed.event_hub import EventHub
from domain.runs.events import EventType
from domain.runs.status import Reason, Status

POLL_SECONDS = 1.0
"""How long a lost announcement may delay a reader."""
PAGE = 1_000
"""Events read at once."""
WORKER_EVENT_TYPES = (
    EventType.DISPATCH_REQUESTED,
    EventType.DISPATCH_CLAIMED,
    EventType.CANCEL_REQUESTED,
    EventType.VERDICT_GIVEN,
    EventType.STAGE_MOVED,
    EventType.STAGE_CANCEL_REQUESTED,
)
"""What `_tell_workers` looks at."""
VIEWER_WRITES_PER_SECOND = 25_000
"""About as often as one process can write to viewers: with many of them, what comes close together reaches each in one write."""
MAX_COALESCING_SECONDS = 0.04
"""At most so long is waited for that."""


class FeedReader:
    """Each `run_once` waits for an announcement, at most POLL_SECONDS, and reads what was committed since.

    The first of a storm is read at once; with many viewers, what follows is read together.
    """

    def __init__(
        self, feed: ChangeFeed, hub: EventHub, links: WorkerStreams, wakeups: LocalWakeups, open_unit_of_work: OpenUnitOfWork
    ) -> None:
        self._feed = feed
        self._hub = hub
        self._links = links
        self._wakeups = wakeups
        self._open_unit_of_work = open_unit_of_work
        self._cursor: str | None = None
        self._next = 0.0
        self._has_more = False

    async def run_once(self) -> None:
        if self._cursor is None:
            self._cursor = await self._feed.position()
            self._hub.set_cursor(self._cursor)
        await asyncio.sleep(max(0.0, self._next - asyncio.get_running_loop().time()))
        logs_of = await self._feed.wait(0 if self._has_more else POLL_SECONDS)
        batch = await self._read(self._cursor)
        self._cursor = batch.cursor
        self._has_more = len(batch.events) >= PAGE
        if batch.events or logs_of:
            self._next = asyncio.get_running_loop().time() + min(MAX_COALESCING_SECONDS, self._hub.viewer_count / VIEWER_WRITES_PER_SECOND)
            self._hub.publish(ChangeBatch(batch.events, batch.cursor, tuple(logs_of)))
        else:
            self._hub.set_cursor(batch.cursor)
        await self._tell_workers(batch)

    async def _read(self, cursor: str) -> ChangeBatch:
        """All of it for viewers; while there is none, what concerns workers, which is little of what reports bring."""
        if not self._hub.viewer_count:
            batch = await self._feed.read(cursor, PAGE, WORKER_EVENT_TYPES)
            if not self._hub.viewer_count:  # whoever came meanwhile begins where this batch does
                return batch
        return await self._feed.read(cursor, PAGE)

    async def _tell_workers(self, batch: ChangeBatch) -> None:
        """Another process may have cancelled, woken or requested what a worker linked here should hear of."""
        claimed = {(event.run_id, event.data["dispatch"]) for event in batch.events if event.type is EventType.DISPATCH_CLAIMED}
        for event in batch.events:
            if event.type is EventType.DISPATCH_REQUESTED and (event.run_id, event.data["dispatch"]) not in claimed:
                self._wakeups.request_dispatch(DispatchRequest(event.run_id, int(event.data["dispatch"]), str(event.data["pool"])))
        stopped = {event.run_id for event in batch.events if event.type in (EventType.CANCEL_REQUESTED, EventType.VERDICT_GIVEN)}
        moves = [event for event in batch.events if event.type in (EventType.STAGE_MOVED, EventType.STAGE_CANCEL_REQUESTED)]
        begun = {(move.run_id, move.stage, move.attempt) for move in moves if move.status is Status.RUNNING}
        # What its holder started in the same breath is no news to it.
        queued = {move.run_id for move in moves if _concerns_holder(move) and (move.run_id, move.stage, move.attempt) not in begun}
        if not stopped and not queued:
            return
        async with self._open_unit_of_work() as work:
            holders = await work.dispatches.find_holders(sorted(stopped | queued))
        for run_id, holder in holders.items():
            self._links.push(holder, StopRun(run_id) if run_id in stopped else WakeRun(run_id))


def _concerns_holder(move: EventView) -> bool:
    """A stage became startable, is to be ended, or was failed for its timeout and may still run with the worker."""
    if move.type is EventType.STAGE_CANCEL_REQUESTED:
        return True
    return move.status is Status.QUEUED or (move.status is Status.FAILED and move.data.get("reason") == Reason.TIMEOUT)
