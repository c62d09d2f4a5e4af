"""Stores messages of alerts and their deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.persistence.connection.bulk_parameters import is_storable_id, to_row
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories import delivery_statements as sql
from application.ports.persistence.deliveries import ClaimedDelivery, KindedDelivery, StoredMessage
from domain.alerts.delivery import Delivery, DeliveryState, HeldBy
from domain.alerts.message import MessageKind

_SAME = ("id", "message_id", "incident_id", "channel_id", "only_if", *(name for name in sql.CHANGES if name != "state"))


class SqlDeliveries:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add_messages(self, messages: Sequence[StoredMessage]) -> None:
        if messages:
            self._transaction.enqueue(sql.ADD_MESSAGES, messages=[to_row(each, sql.NEW_MESSAGE) for each in messages])

    async def find_messages(self, message_ids: Collection[str]) -> Mapping[str, StoredMessage]:
        if not message_ids:
            return {}
        (rows,) = await self._transaction.fetch_batch((sql.FIND_MESSAGES, {"ids": list(message_ids)}))
        return {row.id: _to_message(row) for row in rows}

    async def compose(self, message_id: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        change = (sql.COMPOSE, {"message": message_id, "new_content": dict(content)})
        _, ((stored,),) = await self._transaction.fetch_batch(change, (sql.READ_CONTENT, {"message": message_id}))
        return dict(stored)

    async def find_channels(self, message_id: str) -> set[int]:
        (rows,) = await self._transaction.fetch_batch((sql.FIND_CHANNELS, {"message": message_id}))
        return {row.channel_id for row in rows}

    async def add(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        if not deliveries:
            return []
        (rows,) = await self._transaction.fetch_batch((sql.ADD, {"deliveries": [to_row(each, sql.NEW_DELIVERY) for each in deliveries]}))
        ids = sorted(row.id for row in rows)
        return [replace(each, id=number) for each, number in zip(deliveries, ids, strict=True)]

    async def claim_due(
        self, now: datetime, limit: int, lease_seconds: float, excluded_channels: Collection[int] = ()
    ) -> list[ClaimedDelivery]:
        (locked,) = await self._transaction.fetch_batch((sql.LOCK_CHANNELS, {"now": now, "excluded": list(excluded_channels)}))
        if not locked:
            return []
        values = {"now": now, "limit": limit, "seconds": lease_seconds, "channels": [row.id for row in locked]}
        (rows,) = await self._transaction.fetch_batch((sql.CLAIM, values))
        return [ClaimedDelivery(to_delivery(row), row.was_leased) for row in sorted(rows, key=lambda row: (row.due_at, row.id))]

    async def lock(self, delivery_ids: Collection[int]) -> Mapping[int, Delivery]:
        ids = [number for number in set(delivery_ids) if is_storable_id(number)]
        (rows,) = await self._transaction.fetch_batch((sql.LOCK, {"ids": ids}))
        return {row.id: to_delivery(row) for row in rows}

    async def find(self, delivery_id: int) -> KindedDelivery | None:
        if not is_storable_id(delivery_id):
            return None
        (rows,) = await self._transaction.fetch_batch((sql.FIND, {"id": delivery_id}))
        return _with_kind(rows[0]) if rows else None

    async def save(self, deliveries: Sequence[Delivery]) -> set[int]:
        if not deliveries:
            return set()
        changes = [to_row(each, ("id", *sql.CHANGES)) for each in deliveries]
        (rows,) = await self._transaction.fetch_batch((sql.SAVE, {"deliveries": changes}))
        return {row.id for row in rows}

    async def find_next_due(self, excluded_channels: Collection[int] = ()) -> datetime | None:
        ((row,),) = await self._transaction.fetch_batch((sql.NEXT_DUE, {"excluded": list(excluded_channels)}))
        found: datetime | None = row.due_at
        return found

    async def list_waiting(self, channel_id: int, limit: int = 100) -> list[Delivery]:
        (rows,) = await self._transaction.fetch_batch((sql.LIST_WAITING, {"channel": channel_id, "limit": limit}))
        return [to_delivery(row) for row in rows]

    async def release_channel(self, channel_id: int, now: datetime) -> None:
        self._transaction.enqueue(sql.RELEASE, channel=channel_id, now=now)

    async def release_held(self, by: HeldBy, now: datetime) -> None:
        self._transaction.enqueue(sql.RELEASE_HELD, by=by, now=now)

    async def find_sent_channels(self, incident_ids: Collection[int]) -> Mapping[int, Mapping[int, str]]:
        (rows,) = await self._transaction.fetch_batch((sql.SENT_CHANNELS, {"ids": list(incident_ids)}))
        found: dict[int, dict[int, str]] = {}
        for row in rows:
            found.setdefault(row.incident_id, {})[row.channel_id] = row.message_id
        return found

    async def list_of_incidents(self, incident_ids: Collection[int]) -> Sequence[KindedDelivery]:
        (rows,) = await self._transaction.fetch_batch((sql.OF_INCIDENTS, {"ids": list(incident_ids)}))
        return [_with_kind(row) for row in rows]

    async def find_last_drills(self) -> Mapping[int, datetime]:
        (rows,) = await self._transaction.fetch_batch((sql.LAST_DRILLS, {}))
        return {row.channel_id: row.at for row in rows}


def to_delivery(row: Any) -> Delivery:
    """Return the delivery of a row with all columns of the table."""
    return Delivery(**{name: getattr(row, name) for name in _SAME}, state=DeliveryState(row.state))


def _with_kind(row: Any) -> KindedDelivery:
    return KindedDelivery(MessageKind(row.kind), to_delivery(row))


def _to_message(row: Any) -> StoredMessage:
    return StoredMessage(row.id, MessageKind(row.kind), row.content, row.at, row.incident_id, row.pipeline_id)
