"""Slots, requests and limits; `SqlRuns` writes the slots and the requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.persistence.connection.compiled_statements import BoundStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories import limit_statements, slot_statements
from adapters.persistence.repositories.limit_statements import GROUP_PREFIX
from adapters.persistence.tables.concurrency import OF_RUN
from domain.concurrency.allocation import BucketState
from domain.concurrency.bucket import Bucket
from domain.concurrency.group import Group, GroupUse, GroupUser
from domain.concurrency.slots import SlotRequest

_READ_GROUPS: tuple[BoundStatement, ...] = ((limit_statements.READ_GROUP_LIMITS, {}), (limit_statements.READ_USES, {}))


def bind_lock(buckets: Collection[Bucket]) -> tuple[BoundStatement, BoundStatement]:
    """Return the statement that locks the buckets, and the one that reads their states afterwards."""
    wanted = sorted(set(buckets))
    names = [bucket.name for bucket in wanted]
    states = {"buckets": names, "limit_names": [bucket.limit_name for bucket in wanted]}
    return (slot_statements.LOCK_BUCKETS, {"buckets": names}), (slot_statements.READ_STATES, states)


def build_states(rows: Sequence[Any]) -> dict[str, BucketState]:
    return {row.bucket: BucketState(row.limit_, row.slot, row.slot_wait) for row in rows}


class SqlConcurrency:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def lock(self, buckets: Collection[Bucket]) -> Mapping[str, BucketState]:
        if not buckets:
            return {}
        _, rows = await self._transaction.fetch_batch(*bind_lock(buckets))
        return build_states(rows)

    async def find_grantable(self, limit: int) -> list[SlotRequest]:
        (rows,) = await self._transaction.fetch_batch((slot_statements.FIND_GRANTABLE, {"limit": limit}))
        return [_to_request(row) for row in rows]

    async def has_waiting(self) -> bool:
        ((row,),) = await self._transaction.fetch_batch((slot_statements.HAS_WAITING, {}))
        return bool(row.has_waiting)

    async def list_waiting(self, buckets: Collection[str], limit: int) -> list[SlotRequest]:
        values = {"buckets": sorted(set(buckets)), "limit": limit}
        (rows,) = await self._transaction.fetch_batch((slot_statements.LIST_WAITING, values))
        return [_to_request(row) for row in rows]

    async def find_holders(self, bucket: str) -> list[int]:
        (rows,) = await self._transaction.fetch_batch((slot_statements.FIND_HOLDERS, {"bucket": bucket}))
        return list(dict.fromkeys(row.run_id for row in rows))

    async def find_waiting(self, bucket: str) -> list[int]:
        (rows,) = await self._transaction.fetch_batch((slot_statements.FIND_WAITING, {"bucket": bucket}))
        return list(dict.fromkeys(row.run_id for row in rows))

    async def set_limits(self, pipeline_id: int, limits: Mapping[str, int], now: datetime) -> None:
        self._transaction.enqueue(limit_statements.DELETE_LIMITS, pipeline=pipeline_id)
        rows = [{"name": name, "pipeline_id": pipeline_id, "limit_": limit, "set_at": now} for name, limit in limits.items()]
        if rows:
            self._transaction.enqueue(limit_statements.ADD_LIMITS, limits=rows)

    async def set_uses(self, pipeline_id: int, uses: Sequence[GroupUse]) -> None:
        self._transaction.enqueue(limit_statements.DELETE_USES, pipeline=pipeline_id)
        rows = [
            {"group_name": use.group, "pipeline_id": pipeline_id, "limit_": use.limit, "by_run": use.by_run, "stages": use.stages}
            for use in uses
        ]
        if rows:
            self._transaction.enqueue(limit_statements.ADD_USES, uses=rows)

    async def list_groups(self) -> Mapping[str, Group]:
        return _to_groups(*await self._transaction.fetch_batch(*_READ_GROUPS))

    async def lock_groups(self) -> Mapping[str, Group]:
        _, limits, uses = await self._transaction.fetch_batch((limit_statements.LOCK_GROUPS, {}), *_READ_GROUPS)
        return _to_groups(limits, uses)

    async def set_group_limit(self, name: str, limit: int | None, set_by: str | None, now: datetime) -> None:
        key = GROUP_PREFIX + name
        if limit is None:
            self._transaction.enqueue(limit_statements.DELETE_GROUP_LIMIT, name=key)
        else:
            row = {"name": key, "limit_": limit, "set_by": set_by, "set_at": now}
            self._transaction.enqueue(limit_statements.ADD_LIMITS, limits=[row])


def _to_request(row: Any) -> SlotRequest:
    buckets = tuple(sorted(Bucket(*names) for names in zip(row.buckets, row.limit_names, strict=True)))
    return SlotRequest(row.run_id, None if row.position == OF_RUN else row.position, buckets, row.priority, row.waits_since)


def _to_groups(limits: Sequence[Any], uses: Sequence[Any]) -> Mapping[str, Group]:
    users: dict[str, list[GroupUser]] = {}
    for row in uses:
        use = GroupUse(row.group_name, row.limit_, row.by_run, row.stages)
        users.setdefault(row.group_name, []).append(GroupUser(row.pipeline_id, row.pipeline, use))
    rows = {row.name.removeprefix(GROUP_PREFIX): row for row in limits}
    return {name: _to_group(name, rows.get(name), tuple(users.get(name, ()))) for name in sorted(rows.keys() | users.keys())}


def _to_group(name: str, limit: Any, users: tuple[GroupUser, ...]) -> Group:
    return Group(name, limit.limit_, limit.set_by, users) if limit is not None else Group(name, None, users=users)
