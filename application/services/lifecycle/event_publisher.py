"""Tells one audience of runs and stages that started and ended, from where it was told last."""

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

PAGE = 128
"""Events of one delivery; halved after each failure, so that an audience too slow for many gets fewer."""
DELIVERY_TIMEOUT_SECONDS = 30.0
"""Seconds an audience has to take a page."""
LEASE_SECONDS = 60.0
"""Seconds one process holds an audience: longer than DELIVERY_TIMEOUT_SECONDS, so that two never tell it at once for long."""
MAX_BACKOFF_SECONDS = 60.0


class EventsRejected(Exception):
    """An audience will never take these; they were passed over. Says how many, and why the first."""


class LifecycleEventPublisher:
    """At least once, in order, with ids that stay the same. Each audience has its own place and its own failures; nothing waits for it.

    The first time an audience is met it begins with what happens from then on.
    """

    def __init__(
        self,
        audience: EventSink,
        feed: ChangeFeed,
        reader: Reader,
        open_unit_of_work: OpenUnitOfWork,
        event_mapper: EventMapper,
        teller: str,
        patience: float = DELIVERY_TIMEOUT_SECONDS,
    ) -> None:
        self._audience = audience
        self._feed = feed
        self._reader = reader
        self._open_unit_of_work = open_unit_of_work
        self._wording = event_mapper
        self._teller = teller
        self._patience = patience

    async def run_once(self) -> None:
        """Tell what there is to tell. Unavailable when the audience did not take it (it is put off); Refused when it never will."""
        while await self._page():
            pass

    async def _page(self) -> bool:
        """Tell one page of events; False when there is nothing more to tell now."""
        async with self._open_unit_of_work() as work:
            position = await work.announcements.find(self._audience.name)
        if not position.is_free:
            return False
        cursor = position.cursor
        if cursor is not None and not (await self._read(cursor, 1)).events:
            return False
        async with self._open_unit_of_work() as work:
            taken = await work.announcements.take(self._audience.name, self._teller, LEASE_SECONDS)
            await work.commit()
        return taken is not None and await self._tell_from(taken)

    async def _tell_from(self, position: SinkPosition) -> bool:
        if position.cursor is None:
            await self._move(await self._feed.position())
            return True
        batch = await self._read(position.cursor, max(1, PAGE >> position.tries))
        try:
            refusals = await self._tell(batch)
        except Unavailable as error:
            await self._put_off(position, str(error))
            raise
        if not await self._move(batch.cursor):
            return False
        if refusals:
            raise EventsRejected(f"{self._audience.name} refused {len(refusals)} announcements: {refusals[0].why}")
        return bool(batch.events)

    async def _tell(self, batch: ChangeBatch) -> Sequence[RejectedEvent]:
        announcements = await self._wording.of(batch.events, self._reader.run)
        if not announcements:
            return []
        try:
            async with asyncio.timeout(self._patience):
                return await self._audience.send(announcements)
        except TimeoutError:
            raise Unavailable(f"{self._audience.name} did not take {len(announcements)} announcements in {self._patience:g} s.") from None

    async def _read(self, cursor: str, limit: int) -> ChangeBatch:
        """What follows the cursor; when the feed does not know it (a restored database), what follows this moment."""
        try:
            return await self._feed.read(cursor, limit)
        except ValueError:
            await self._restart()
            return ChangeBatch([], cursor)

    async def _restart(self) -> None:
        async with self._open_unit_of_work() as work:
            if await work.announcements.take(self._audience.name, self._teller, LEASE_SECONDS):
                await work.announcements.move(self._audience.name, self._teller, await self._feed.position())
            await work.commit()

    async def _move(self, cursor: str) -> bool:
        async with self._open_unit_of_work() as work:
            moved = await work.announcements.move(self._audience.name, self._teller, cursor)
            await work.commit()
        return moved

    async def _put_off(self, position: SinkPosition, error: str) -> None:
        delay = min(MAX_BACKOFF_SECONDS, 0.5 * 2 ** min(position.tries, 10)) * random.uniform(0.5, 1.0)
        async with self._open_unit_of_work() as work:
            await work.announcements.postpone(self._audience.name, self._teller, error, delay)
            await work.commit()
