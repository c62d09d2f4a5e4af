"""Messages and deliveries in memory."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from application.ports.persistence.deliveries import MAX_IN_FLIGHT, ClaimedDelivery, KindedDelivery, StoredMessage
from domain.alerts.delivery import Delivery, DeliveryState, HeldBy
from domain.alerts.message import MessageKind
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction

SPEAKING_KINDS = frozenset(
    {MessageKind.OPENED, MessageKind.ESCALATED, MessageKind.REMINDER, MessageKind.UNSTABLE, MessageKind.GROUPED},
)


class FakeDeliveries:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add_messages(self, messages: Sequence[StoredMessage]) -> None:
        tx = await self._transaction.begin_statement()
        for message in messages:
            if message.id in tx.alert_messages:
                raise tx.abort(values.RowRejected("the message is stored already"))
            content = values.document(dict(message.content))
            tx.alert_messages[str(values.text(message.id))] = replace(message, content=content, at=values.moment(message.at) or message.at)

    async def find_messages(self, message_ids: Collection[str]) -> Mapping[str, StoredMessage]:
        tx = await self._transaction.begin_statement()
        return {id: tx.alert_messages[id] for id in message_ids if id in tx.alert_messages}

    async def compose(self, message_id: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        tx = await self._transaction.begin_statement()
        await tx.lock("alert message", message_id)
        message = tx.alert_messages[message_id]
        if "blocks" not in message.content:
            tx.alert_messages[message_id] = replace(message, content=values.document(dict(content)))
        return tx.alert_messages[message_id].content

    async def find_channels(self, message_id: str) -> set[int]:
        tx = await self._transaction.begin_statement()
        return {row.channel_id for row in tx.deliveries.values() if row.message_id == message_id}

    async def add(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        tx = await self._transaction.begin_statement()
        stored = []
        for delivery in deliveries:
            if delivery.message_id not in tx.alert_messages:
                raise tx.abort(values.RowRejected("the message is not stored"))
            added = replace(_check(delivery), id=tx.store.next_id("delivery"))
            tx.deliveries[added.id] = added
            stored.append(added)
        return stored

    async def claim_due(
        self, now: datetime, limit: int, lease_seconds: float, excluded_channels: Collection[int] = ()
    ) -> list[ClaimedDelivery]:
        tx = await self._transaction.begin_statement()
        claimed: list[Delivery] = []
        for channel_id in sorted(tx.channels):
            due = [row for row in self._scheduled(channel_id) if row.due_at <= now and not self._is_leased(row)]
            if channel_id in excluded_channels or not due or tx.is_locked_elsewhere("channel", channel_id):
                continue
            await tx.lock("channel", channel_id)
            free = MAX_IN_FLIGHT - sum(self._is_leased(row) for row in self._scheduled(channel_id))
            claimed += due[: max(free, 0)]
        until = tx.store.clock.now() + timedelta(seconds=lease_seconds)
        taken = sorted(claimed, key=_get_order)[:limit]
        leased = [ClaimedDelivery(replace(row, leased_until=until), row.leased_until is not None) for row in taken]
        for row, _ in leased:
            tx.deliveries[row.id] = row
        return leased

    async def lock(self, delivery_ids: Collection[int]) -> Mapping[int, Delivery]:
        tx = await self._transaction.begin_statement()
        for delivery_id in sorted(delivery_ids):
            if delivery_id in tx.deliveries:
                await tx.lock("delivery", delivery_id)
        return {id: tx.deliveries[id] for id in sorted(delivery_ids) if id in tx.deliveries}

    async def find(self, delivery_id: int) -> KindedDelivery | None:
        tx = await self._transaction.begin_statement()
        return self._with_kind(tx.deliveries[delivery_id]) if delivery_id in tx.deliveries else None

    async def save(self, deliveries: Sequence[Delivery]) -> set[int]:
        tx = await self._transaction.begin_statement()
        saved = set()
        for delivery in sorted(deliveries, key=lambda each: each.id):
            await tx.lock("delivery", delivery.id)
            row = tx.deliveries.get(delivery.id)
            if row is not None and row.state is DeliveryState.SCHEDULED:
                identity = {name: getattr(row, name) for name in ("message_id", "incident_id", "channel_id", "only_if")}
                tx.deliveries[row.id] = replace(_check(delivery), **identity)
                saved.add(row.id)
        return saved

    async def find_next_due(self, excluded_channels: Collection[int] = ()) -> datetime | None:
        tx = await self._transaction.begin_statement()
        found = [at for id in tx.channels if id not in excluded_channels for at in self._list_next_due(id)]
        return min(found, default=None)

    async def list_waiting(self, channel_id: int, limit: int = 100) -> list[Delivery]:
        await self._transaction.begin_statement()
        return self._scheduled(channel_id)[:limit]

    async def release_channel(self, channel_id: int, now: datetime) -> None:
        await self._release(now, lambda row: row.channel_id == channel_id and row.tries > 0)

    async def release_held(self, by: HeldBy, now: datetime) -> None:
        await self._release(now, lambda row: row.held_by == by)

    async def find_sent_channels(self, incident_ids: Collection[int]) -> Mapping[int, Mapping[int, str]]:
        await self._transaction.begin_statement()
        found: dict[int, dict[int, str]] = {}
        for kind, row in self._list_of(incident_ids):
            if row.state is DeliveryState.SENT and kind in SPEAKING_KINDS and row.incident_id is not None:
                found.setdefault(row.incident_id, {}).setdefault(row.channel_id, row.message_id)
        return found

    async def list_of_incidents(self, incident_ids: Collection[int]) -> Sequence[KindedDelivery]:
        await self._transaction.begin_statement()
        return list(self._list_of(incident_ids))

    async def find_last_drills(self) -> Mapping[int, datetime]:
        tx = await self._transaction.begin_statement()
        rows = [row for _, row in sorted(tx.deliveries.items())]
        return {row.channel_id: tx.alert_messages[row.message_id].at for row in rows if self._with_kind(row).kind is MessageKind.DRILL}

    async def _release(self, now: datetime, is_waiting: Callable[[Delivery], bool]) -> None:
        tx = await self._transaction.begin_statement()
        for delivery_id in sorted(tx.deliveries):
            if not _is_postponed(tx.deliveries[delivery_id], now) or not is_waiting(tx.deliveries[delivery_id]):
                continue
            await tx.lock("delivery", delivery_id)
            row = tx.deliveries[delivery_id]
            if _is_postponed(row, now) and is_waiting(row):
                tx.deliveries[delivery_id] = replace(row, due_at=now)

    def _scheduled(self, channel_id: int) -> list[Delivery]:
        rows = self._transaction.deliveries.values()
        return sorted((row for row in rows if row.channel_id == channel_id and row.state is DeliveryState.SCHEDULED), key=_get_order)

    def _list_next_due(self, channel_id: int) -> list[datetime]:
        rows = self._scheduled(channel_id)
        leases = [row.leased_until for row in rows if row.leased_until is not None and self._is_leased(row)]
        due = [row.due_at for row in rows if not self._is_leased(row)]
        return leases if len(leases) >= MAX_IN_FLIGHT else [*leases, *due]

    def _is_leased(self, row: Delivery) -> bool:
        return row.leased_until is not None and row.leased_until > self._transaction.store.clock.now()

    def _list_of(self, incident_ids: Collection[int]) -> Iterator[KindedDelivery]:
        for _, row in sorted(self._transaction.deliveries.items()):
            if row.incident_id in incident_ids:
                yield self._with_kind(row)

    def _with_kind(self, row: Delivery) -> KindedDelivery:
        return KindedDelivery(self._transaction.alert_messages[row.message_id].kind, row)


def _is_postponed(row: Delivery, now: datetime) -> bool:
    return row.state is DeliveryState.SCHEDULED and row.due_at > now


def _get_order(delivery: Delivery) -> tuple[datetime, int]:
    return delivery.due_at, delivery.id


def _check(delivery: Delivery) -> Delivery:
    for at in (delivery.due_at, delivery.first_tried_at, delivery.sent_at, delivery.leased_until):
        values.moment(at)
    values.text(delivery.last_error)
    return delivery
