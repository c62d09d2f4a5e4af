"""Stores what became of a delivery, and what follows from it, in one transaction."""

import random
from datetime import datetime
from typing import Final

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.alerts.planned_messages import PlannedMessages
from application.services.deliveries.channel_incidents import open_channel_incident, resolve_channel_incident
from application.services.deliveries.due_deliveries import DueDelivery
from application.services.deliveries.follow_ups import plan_follow_ups
from application.services.deliveries.message_sender import Failure
from domain.alerts.delivery import Delivery, DeliveryState
from domain.alerts.message import MessageKind
from domain.site_events import SiteEvent, SiteEventType

KINDS_WITHOUT_FALLBACK: Final = frozenset({MessageKind.TEST, MessageKind.DRILL})


class DeliveryRecorder:
    """Locks incidents of pipelines first, then channels, then incidents of channels, then deliveries."""

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: Wakeups) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups

    async def record_success(self, due: DueDelivery) -> bool:
        """Store that the message arrived. Return False if another process recorded an end of the delivery."""
        async with self._open_unit_of_work() as work:
            now = self._clock.now()
            planned = PlannedMessages(now)
            if due.channel.is_disabled:
                await _enable_channel(work, due.channel.id, now)
            await plan_follow_ups(work, due, planned, now)
            has_changed = await resolve_channel_incident(work, due.channel, planned, now) or due.channel.is_disabled
            if has_changed:
                await work.deliveries.release_channel(due.channel.id, now)
            delivery = await _lock(work, due)
            if delivery is None or delivery.state is not DeliveryState.SCHEDULED:
                return False
            await work.deliveries.save([delivery.mark_sent(now)])
            await planned.store(work)
            await work.commit()
        if has_changed:
            self._wakeups.notify_committed()
        return True

    async def record_failure(self, due: DueDelivery, failure: Failure) -> DeliveryState | None:
        """Store a failed try. Return the delivery's state; None if another process has the delivery or has recorded its end."""
        async with self._open_unit_of_work() as work:
            now = self._clock.now()
            planned = PlannedMessages(now)
            ended = _retry(due, failure, now)
            is_test = due.message.kind is MessageKind.TEST
            is_broken = not is_test and (failure.disables_channel or ended.state is DeliveryState.DEAD)
            if is_broken:
                await self._report_channel(work, due, failure, planned, now)
            delivery = await _lock(work, due)
            if delivery is None or delivery.state is not DeliveryState.SCHEDULED or delivery.leased_until != due.delivery.leased_until:
                return None
            await work.deliveries.save([ended])
            if ended.state is DeliveryState.DEAD:
                await _add_fallback(work, due, planned)
            await planned.store(work)
            await work.commit()
        if is_broken:
            self._wakeups.notify_committed()
        return ended.state

    async def _report_channel(self, work: UnitOfWork, due: DueDelivery, failure: Failure, planned: PlannedMessages, now: datetime) -> None:
        channel = await work.channels.lock_by_id(due.channel.id)
        if channel is None or channel.settings != due.channel.settings:
            return  # it was deleted or changed while the message was on its way
        if failure.disables_channel and not channel.is_disabled:
            await work.channels.save(channel.disable(failure.reason, now))
            await work.site_events.add([SiteEvent(SiteEventType.CHANNEL_CHANGED, now, data={"name": channel.name, "change": "disabled"})])
        await open_channel_incident(work, channel, failure.reason, planned, now)


async def _enable_channel(work: UnitOfWork, channel_id: int, now: datetime) -> None:
    """Enable a channel that a test has reached."""
    channel = await work.channels.lock_by_id(channel_id)
    if channel is not None and channel.is_disabled:
        await work.channels.save(channel.enable())
        await work.site_events.add([SiteEvent(SiteEventType.CHANNEL_CHANGED, now, data={"name": channel.name, "change": "enabled"})])


async def _lock(work: UnitOfWork, due: DueDelivery) -> Delivery | None:
    return (await work.deliveries.lock([due.delivery.id])).get(due.delivery.id)


def _retry(due: DueDelivery, failure: Failure, now: datetime) -> Delivery:
    """Return the delivery after a failed try. A test is tried once, and so is a message whose channel is gone and has a fallback."""
    is_last = (
        failure.is_permanent or due.message.kind is MessageKind.TEST or (failure.disables_channel and due.channel.fallback is not None)
    )
    return due.delivery.retry(
        failure.reason,
        now,
        jitter=random.random(),
        retry_after=failure.retry_after,
        is_permanent=is_last,
        may_have_arrived=failure.may_have_arrived or due.may_have_arrived,
    )


async def _add_fallback(work: UnitOfWork, due: DueDelivery, planned: PlannedMessages) -> None:
    """Send the message to the fallback channel, unless that has a delivery of it already."""
    if due.channel.fallback is None or due.message.kind in KINDS_WITHOUT_FALLBACK:
        return
    fallback = await work.channels.find(due.channel.fallback)
    if fallback is None or fallback.id in await work.deliveries.find_channels(due.message.id):
        return
    planned.deliver(due.message.id, [fallback.id], incident_id=due.delivery.incident_id)
