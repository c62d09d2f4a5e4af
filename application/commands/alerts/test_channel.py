"""Send a test message to a channel."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.deliveries.drill_service import add_test
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.alerts.delivery import Delivery, DeliveryState
from domain.alerts.message import MessageKind
from domain.errors import NotFound

WAIT_SECONDS: Final = 20.0
"""How long a caller waits for the result."""
POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """The result of a test message. `state` is `scheduled` if it was not over in time; `seconds` is how long sending took."""

    delivery_id: int
    state: DeliveryState
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TestChannel:
    """Send a test message the way that alerts are sent, and wait up to WAIT_SECONDS for its end. It is not tried again.

    Raises NotFound.
    """

    __test__ = False

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups
    wait_seconds: float = WAIT_SECONDS

    async def __call__(self, name: str, actor: Actor = ANONYMOUS_ACTOR) -> ChannelTest:
        async with self.open_unit_of_work() as work:
            channel = await work.channels.lock(name)
            if channel is None:
                raise NotFound("channel", name)
            now = self.clock.now()
            delivery_id = await add_test(work, channel, MessageKind.TEST, now, actor.name)
            await work.audit.add([create_audit_entry(actor, AuditAction.CHANNEL_TESTED, f"channel {name}", now)])
            await work.commit()
        self.wakeups.notify_deliveries_changed()
        return await self._wait(delivery_id, now)

    async def _wait(self, delivery_id: int, started_at: datetime) -> ChannelTest:
        deadline = asyncio.get_running_loop().time() + self.wait_seconds
        while True:
            async with self.open_unit_of_work() as work:
                found = await work.deliveries.find(delivery_id)
            if found is None or found.delivery.state is not DeliveryState.SCHEDULED:
                return _build_result(delivery_id, found.delivery if found else None, started_at)
            if asyncio.get_running_loop().time() >= deadline:
                return ChannelTest(delivery_id, DeliveryState.SCHEDULED, error=found.delivery.last_error)
            await asyncio.sleep(POLL_SECONDS)


def _build_result(delivery_id: int, delivery: Delivery | None, started_at: datetime) -> ChannelTest:
    if delivery is None:
        return ChannelTest(delivery_id, DeliveryState.DROPPED, error="The channel was deleted.")
    seconds = max(0.0, (delivery.sent_at - started_at).total_seconds()) if delivery.sent_at else None
    return ChannelTest(delivery_id, delivery.state, seconds, delivery.last_error)
