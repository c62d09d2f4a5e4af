"""Slots, requests and limits in memory."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from domain.concurrency.allocation import BucketState
from domain.concurrency.bucket import Bucket
from domain.concurrency.group import Group, GroupUse, GroupUser
from domain.concurrency.slots import SlotRequest, SlotState, sort_requests
from domain.runs.run import Run
from tests.fakes.persistence import values
from tests.fakes.persistence.store import OF_RUN, LimitRow, SlotKey, SlotRow, SlotWaitRow
from tests.fakes.persistence.transaction import Transaction

GROUP_PREFIX = "group:"


class FakeConcurrency:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def lock(self, buckets: Collection[Bucket]) -> Mapping[str, BucketState]:
        if not buckets:
            return {}
        tx = await self._transaction.begin_statement()
        for name in sorted({bucket.name for bucket in buckets}):
            await tx.lock("bucket", name)
        await tx.begin_statement()
        return {bucket.name: self._get_state(bucket.name, bucket.limit_name) for bucket in buckets}

    async def find_grantable(self, limit: int) -> list[SlotRequest]:
        await self._transaction.begin_statement()
        requests = self._get_requests()
        has_room = {bucket.name: self._get_state(*_get_names(bucket)).has_room for request in requests for bucket in request.buckets}
        return [request for request in requests if all(has_room[bucket.name] for bucket in request.buckets)][:limit]

    async def has_waiting(self) -> bool:
        return bool((await self._transaction.begin_statement()).slot_waits)

    async def list_waiting(self, buckets: Collection[str], limit: int) -> list[SlotRequest]:
        await self._transaction.begin_statement()
        named = set(buckets)
        return [request for request in self._get_requests() if {bucket.name for bucket in request.buckets} <= named][:limit]

    async def find_holders(self, bucket: str) -> list[int]:
        tx = await self._transaction.begin_statement()
        holders = sorted((row.taken_at, run_id, position) for (name, run_id, position), row in tx.slots.items() if name == bucket)
        return list(dict.fromkeys(run_id for _, run_id, _ in holders))

    async def find_waiting(self, bucket: str) -> list[int]:
        await self._transaction.begin_statement()
        waiting = [request for request in self._get_requests() if bucket in {each.name for each in request.buckets}]
        return list(dict.fromkeys(request.run_id for request in waiting))

    async def set_limits(self, pipeline_id: int, limits: Mapping[str, int], now: datetime) -> None:
        tx = await self._transaction.begin_statement()
        for name in [name for name, row in tx.limits.items() if row.pipeline_id == pipeline_id]:
            del tx.limits[name]
        for name, limit in limits.items():
            tx.limits[str(values.text(name))] = LimitRow(limit, pipeline_id, None, now)

    async def set_uses(self, pipeline_id: int, uses: Sequence[GroupUse]) -> None:
        tx = await self._transaction.begin_statement()
        for key in [key for key in tx.group_uses if key[1] == pipeline_id]:
            del tx.group_uses[key]
        for use in uses:
            tx.group_uses[use.group, pipeline_id] = use

    async def lock_groups(self) -> Mapping[str, Group]:
        tx = await self._transaction.begin_statement()
        await tx.lock("groups")
        return await self.list_groups()

    async def list_groups(self) -> Mapping[str, Group]:
        tx = await self._transaction.begin_statement()
        limits = {name.removeprefix(GROUP_PREFIX): row for name, row in tx.limits.items() if name.startswith(GROUP_PREFIX)}
        names = sorted({*limits, *(name for name, _ in tx.group_uses)})
        return {name: self._get_group(name, limits.get(name)) for name in names}

    async def set_group_limit(self, name: str, limit: int | None, set_by: str | None, now: datetime) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("groups")
        if limit is not None:
            tx.limits[GROUP_PREFIX + name] = LimitRow(limit, None, values.text(set_by), now)
        elif GROUP_PREFIX + name in tx.limits:
            del tx.limits[GROUP_PREFIX + name]

    def _get_state(self, bucket: str, limit_name: str) -> BucketState:
        tx = self._transaction
        row = tx.limits.get(limit_name)
        held, waiting = (sum(name == bucket for name, *_ in table) for table in (tx.slots, tx.slot_waits))
        return BucketState(row.limit if row else None, held, waiting)

    def _get_requests(self) -> list[SlotRequest]:
        rows: dict[tuple[int, int], dict[Bucket, SlotWaitRow]] = {}
        for (name, run_id, position), row in self._transaction.slot_waits.items():
            rows.setdefault((run_id, position), {})[Bucket(name, row.limit_name)] = row
        return sort_requests(_to_request(*key, buckets) for key, buckets in rows.items())

    def _get_group(self, name: str, row: LimitRow | None) -> Group:
        tx = self._transaction
        uses = sorted((pipeline_id, use) for (group, pipeline_id), use in tx.group_uses.items() if group == name)
        users = [GroupUser(pipeline_id, tx.pipelines[pipeline_id].name, use) for pipeline_id, use in uses]
        return Group(name, row.limit if row else None, row.set_by if row else None, tuple(users))


def write_slots(tx: Transaction, run: Run, run_id: int) -> None:
    """Store the run's changes of slots."""
    for change in run.slot_changes.values():
        position = OF_RUN if change.position is None else change.position
        for table in (tx.slots, tx.slot_waits):
            for key in [key for key in table if key[1:] == (run_id, position)]:
                del table[key]
        for bucket in change.buckets:
            slot: SlotKey = (str(values.text(bucket.name)), run_id, position)
            if change.state is SlotState.HELD:
                tx.slots[slot] = SlotRow(bucket.limit_name, change.at, change.over_limit)
            elif change.state is SlotState.WAITING:
                tx.slot_waits[slot] = SlotWaitRow(bucket.limit_name, change.priority, change.at)


def _to_request(run_id: int, position: int, rows: Mapping[Bucket, SlotWaitRow]) -> SlotRequest:
    row = next(iter(rows.values()))
    return SlotRequest(run_id, None if position == OF_RUN else position, tuple(sorted(rows)), row.priority, row.waits_since)


def _get_names(bucket: Bucket) -> tuple[str, str]:
    return bucket.name, bucket.limit_name
