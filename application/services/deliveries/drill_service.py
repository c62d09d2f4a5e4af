"""Sends a test message to channels every week, if their drill is switched on."""

from datetime import datetime, timedelta
from typing import Final

from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.alerts.message_facts import MessageFacts
from application.services.alerts.planned_messages import PlannedMessages
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.alerts.channel import Channel
from domain.alerts.message import MessageKind

DRILL_INTERVAL: Final = timedelta(days=7)
INTERVAL_SECONDS: Final = 60.0


class DrillService:
    """Plans the drills that are due. The first one follows when the drill of a channel is switched on."""

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: LocalWakeups) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups

    async def run_once(self) -> None:
        async with self._open_unit_of_work() as work:
            channels = [each for each in await work.channels.list_all() if each.drill and not each.is_disabled]
            last = await work.deliveries.find_last_drills() if channels else {}
        now = self._clock.now()
        for channel in channels:
            if _is_due(last.get(channel.id), now):
                await self._drill(channel, now)

    async def _drill(self, channel: Channel, now: datetime) -> None:
        async with self._open_unit_of_work() as work:
            locked = await work.channels.lock_by_id(channel.id)
            last = await work.deliveries.find_last_drills()
            if locked is None or not locked.drill or not _is_due(last.get(locked.id), now):
                return  # another process was faster
            await add_test(work, locked, MessageKind.DRILL, now)
            await work.commit()
        self._wakeups.notify_deliveries_changed()


async def add_test(work: UnitOfWork, channel: Channel, kind: MessageKind, now: datetime, actor: str | None = None) -> int:
    """Add a test message for a channel, and return the id of its delivery."""
    planned = PlannedMessages(now)
    planned.add(kind, MessageFacts(channel=channel.name, actor=actor), f"Test of channel {channel.name}", [channel.id])
    [delivery] = await planned.store(work)
    return delivery.id


def _is_due(last: datetime | None, now: datetime) -> bool:
    return last is None or now - last >= DRILL_INTERVAL
