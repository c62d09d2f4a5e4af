"""Publishes the starts and ends of runs and stages to one event sink."""

import asyncio
import random
from collections.abc import Sequence

from application.ports.persistence.sink_positions import SinkPosition
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.change_feed import ChangeBatch, ChangeFeed
from application.ports.queries.reader import Reader
from application.ports.telemetry.event_sinks import EventSink, RejectedEvent
from application.services.lifecycle.event_mapper import EventMapper
from domain.errors import Unavailable

PAGE_SIZE = 128
"""Events read at once. Each failure halves it, so that a slow sink gets fewer."""
DELIVERY_TIMEOUT_SECONDS = 30.0
"""How long a sink may take for a page."""
LEASE_SECONDS = 60.0
"""How long one process owns a sink. Longer than DELIVERY_TIMEOUT_SECONDS, so that two processes hardly ever publish to it at once."""
MAX_BACKOFF_SECONDS = 60.0


class EventsRejected(Exception):
    """The sink rejected events for good and they are skipped. The message says how many, and the reason of the first."""


class LifecycleEventPublisher:
    """Publishes at least once, in order and with stable ids. Each sink has its own position and backoff; nothing waits for a sink.

    A new sink starts with the events that follow.
    """

    def __init__(
        self,
        sink: EventSink,
        feed: ChangeFeed,
        reader: Reader,
        open_unit_of_work: OpenUnitOfWork,
        event_mapper: EventMapper,
        publisher_id: str,
        timeout: float = DELIVERY_TIMEOUT_SECONDS,
    ) -> None:
        self._sink = sink
        self._feed = feed
        self._reader = reader
        self._open_unit_of_work = open_unit_of_work
        self._event_mapper = event_mapper
        self._publisher_id = publisher_id
        self._timeout = timeout

    async def run_once(self) -> None:
        """Publish all new events. Raise Unavailable if the sink failed and is retried later, EventsRejected if it rejected events."""
        while await self._publish_page():
            pass

    async def _publish_page(self) -> bool:
        """Publish one page of events. Return False if there is nothing more to publish now."""
        async with self._open_unit_of_work() as work:
            position = await work.sink_positions.find(self._sink.name)
        if not position.is_free:
            return False
        cursor = position.cursor
        if cursor is not None and not (await self._read(cursor, 1)).event_count:
            return False
        async with self._open_unit_of_work() as work:
            leased = await work.sink_positions.acquire(self._sink.name, self._publisher_id, LEASE_SECONDS)
            await work.commit()
        return leased is not None and await self._publish_from(leased)

    async def _publish_from(self, position: SinkPosition) -> bool:
        if position.cursor is None:
            await self._move(await self._feed.position())
            return True
        batch = await self._read(position.cursor, max(1, PAGE_SIZE >> position.tries))
        try:
            rejected = await self._send(batch)
        except Unavailable as error:
            await self._postpone(position, str(error))
            raise
        if not await self._move(batch.cursor):
            return False
        if rejected:
            raise EventsRejected(f"{self._sink.name} rejected {len(rejected)} events: {rejected[0].why}")
        return batch.event_count > 0

    async def _send(self, batch: ChangeBatch) -> Sequence[RejectedEvent]:
        events = await self._event_mapper.map_events(batch.events, self._reader.run)
        if not events:
            return []
        try:
            async with asyncio.timeout(self._timeout):
                return await self._sink.send(events)
        except TimeoutError:
            raise Unavailable(f"{self._sink.name} did not accept {len(events)} events within {self._timeout:g} s.") from None

    async def _read(self, cursor: str, limit: int) -> ChangeBatch:
        """Read the feed after the cursor. If the feed does not know it (a restored database), continue from now."""
        try:
            return await self._feed.read(cursor, limit)
        except ValueError:
            await self._restart()
            return ChangeBatch([], cursor)

    async def _restart(self) -> None:
        async with self._open_unit_of_work() as work:
            if await work.sink_positions.acquire(self._sink.name, self._publisher_id, LEASE_SECONDS):
                await work.sink_positions.advance(self._sink.name, self._publisher_id, await self._feed.position())
            await work.commit()

    async def _move(self, cursor: str) -> bool:
        async with self._open_unit_of_work() as work:
            moved = await work.sink_positions.advance(self._sink.name, self._publisher_id, cursor)
            await work.commit()
        return moved

    async def _postpone(self, position: SinkPosition, error: str) -> None:
        delay = min(MAX_BACKOFF_SECONDS, 0.5 * 2 ** min(position.tries, 10)) * random.uniform(0.5, 1.0)
        async with self._open_unit_of_work() as work:
            await work.sink_positions.postpone(self._sink.name, self._publisher_id, error, delay)
            await work.commit()
