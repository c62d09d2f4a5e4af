"""The contract of slots, of the requests that wait for them, and of limits and groups."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.concurrency.allocation import BucketState
from domain.concurrency.bucket import Bucket
from domain.concurrency.group import Group, GroupUse, GroupUser
from domain.concurrency.slots import SlotChange, SlotRequest, SlotState
from domain.errors import Unavailable
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_pipeline, a_run_of, seconds_later

A, B, C = (Bucket(f"group:{name}", f"group:{name}") for name in "abc")
ACME, ZORG = (Bucket(f'pipeline:1:customer:"{name}"', "pipeline:1:customer") for name in ("acme", "zorg"))


def a_change(
    state: SlotState, *buckets: Bucket, position: int | None = None, at: datetime = NOW, priority: int = 0, over_limit: bool = False
) -> SlotChange:
    return SlotChange(position, state, tuple(sorted(buckets)), priority, at, over_limit)


def waiting(*buckets: Bucket, position: int | None = None, at: datetime = NOW, priority: int = 0) -> SlotChange:
    return a_change(SlotState.WAITING, *buckets, position=position, at=at, priority=priority)


def held(*buckets: Bucket, position: int | None = None, at: datetime = NOW) -> SlotChange:
    return a_change(SlotState.HELD, *buckets, position=position, at=at)


class Runs:
    """Stores runs of one pipeline with changes of their slots."""

    def __init__(self, store: StoreUnderTest, pipeline: StoredPipeline) -> None:
        self._store, self._pipeline, self._number = store, pipeline, 0

    async def add(self, *changes: SlotChange) -> int:
        self._number += 1
        run = a_run_of(self._pipeline, number=self._number)
        run.slot_changes = {change.position: change for change in changes}
        async with self._store.open_unit_of_work() as work:
            await work.runs.add(run)
            await work.commit()
        assert run.slot_changes == {}
        return run.id

    async def change(self, run_id: int, *changes: SlotChange) -> None:
        async with self._store.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            run.slot_changes = {change.position: change for change in changes}
            await work.runs.save(run)
            assert run.slot_changes == {}
            await work.commit()


@pytest.fixture
async def runs(store: StoreUnderTest) -> Runs:
    return Runs(store, await a_pipeline(store.open_unit_of_work, "sales", ["a", "b"]))


async def set_limits(store: StoreUnderTest, **limits: int) -> None:
    async with store.open_unit_of_work() as work:
        await work.concurrency.lock_groups()
        for name, limit in limits.items():
            await work.concurrency.set_group_limit(name, limit, None, NOW)
        await work.commit()


async def read_states(store: StoreUnderTest, *buckets: Bucket) -> list[BucketState]:
    async with store.other_unit_of_work() as work:
        states = await work.concurrency.lock(buckets)
    return [states[bucket.name] for bucket in buckets]


async def find_grantable(store: StoreUnderTest, limit: int = 100) -> Sequence[SlotRequest]:
    async with store.other_unit_of_work() as work:
        return await work.concurrency.find_grantable(limit)


async def list_waiting(store: StoreUnderTest, *buckets: Bucket, limit: int = 100) -> Sequence[SlotRequest]:
    async with store.other_unit_of_work() as work:
        return await work.concurrency.list_waiting([bucket.name for bucket in buckets], limit)


async def test_states_count_the_slots_and_the_requests_of_each_bucket(store: StoreUnderTest, runs: Runs) -> None:
    await set_limits(store, a=2, b=1)
    await runs.add(held(A), held(A, B, position=0))
    await runs.add(waiting(A, B), waiting(A, position=1))

    assert await read_states(store, C, A, B) == [BucketState(None), BucketState(2, 2, 2), BucketState(1, 1, 1)]


async def test_a_request_of_a_run_or_a_stage_waits_until_its_slot_is_held(store: StoreUnderTest, runs: Runs) -> None:
    async def has_waiting() -> bool:
        async with store.other_unit_of_work() as work:
            return await work.concurrency.has_waiting()

    run_id = await runs.add(held(A))
    assert not await has_waiting()

    await runs.change(run_id, waiting(B, position=0))
    assert await has_waiting()

    await runs.change(run_id, held(B, position=0))
    assert not await has_waiting()


async def test_no_buckets_need_no_lock(store: StoreUnderTest) -> None:
    assert await read_states(store) == []


async def test_values_of_a_key_share_the_limit_and_nothing_else(store: StoreUnderTest, runs: Runs) -> None:
    async with store.open_unit_of_work() as work:
        await work.concurrency.set_limits(1, {ACME.limit_name: 3}, NOW)
        await work.commit()
    await runs.add(held(ACME))

    assert await read_states(store, ACME, ZORG) == [BucketState(3, 1), BucketState(3, 0)]


@pytest.mark.parametrize("position", [None, 1])
async def test_a_change_replaces_everything_about_its_position_only(store: StoreUnderTest, runs: Runs, position: int | None) -> None:
    other = 0 if position is None else None
    run_id = await runs.add(waiting(A, B, position=position), held(C, position=other))

    await runs.change(run_id, held(A, C, position=position))
    assert await read_states(store, A, B, C) == [BucketState(None, 1), BucketState(None), BucketState(None, 2)]

    await runs.change(run_id, held(B, position=position))
    assert await read_states(store, A, B, C) == [BucketState(None), BucketState(None, 1), BucketState(None, 1)]

    await runs.change(run_id, waiting(B, position=position))
    assert await read_states(store, A, B, C) == [BucketState(None), BucketState(None, 0, 1), BucketState(None, 1)]

    await runs.change(run_id, a_change(SlotState.NONE, B, position=position))
    assert await read_states(store, A, B, C) == [BucketState(None), BucketState(None), BucketState(None, 1)]


@pytest.mark.parametrize("state", [SlotState.NONE, SlotState.RELEASED])
async def test_a_run_that_gives_its_slots_back_holds_none(store: StoreUnderTest, runs: Runs, state: SlotState) -> None:
    run_id = await runs.add(held(A, B), waiting(C, position=0))

    await runs.change(run_id, a_change(state), a_change(SlotState.NONE, position=0))

    assert await read_states(store, A, B, C) == [BucketState(None)] * 3


async def test_slots_are_undone_with_their_transaction(store: StoreUnderTest, runs: Runs) -> None:
    run_id = await runs.add(held(A))
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.slot_changes = {None: a_change(SlotState.NONE)}
        await work.runs.save(run)

    assert await read_states(store, A) == [BucketState(None, 1)]


async def test_many_runs_are_stored_with_their_slots_at_once(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "sales", ["a"])
    new = [a_run_of(pipeline, number=number) for number in (1, 2, 3)]
    new[0].slot_changes = {None: held(A)}
    new[2].slot_changes = {None: waiting(A, B), 0: waiting(C, position=0)}

    async with store.open_unit_of_work() as work:
        await work.runs.add_all(new)
        await work.commit()

    assert await read_states(store, A, B, C) == [BucketState(None, 1, 1), BucketState(None, 0, 1), BucketState(None, 0, 1)]
    assert [(each.run_id, each.position) for each in await find_grantable(store)] == [(new[2].id, None), (new[2].id, 0)]


async def test_the_slots_of_a_run_are_read_back(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "sales", ["a"])
    run = a_run_of(pipeline)
    run.priority, run.slot_state, run.over_limit = -100, SlotState.WAITING, True
    async with store.open_unit_of_work() as work:
        await work.runs.add(run)
        await work.commit()

    for state in SlotState:
        async with store.other_unit_of_work() as work:
            found = (await work.runs.lock([run.id]))[run.id]
            found.slot_state, found.over_limit = state, state is SlotState.HELD
            await work.runs.save(found)
            await work.commit()
        async with store.open_unit_of_work() as work:
            read = (await work.runs.lock([run.id]))[run.id]
        assert (read.priority, read.slot_state, read.over_limit, read.slot_changes) == (-100, state, state is SlotState.HELD, {})


async def test_requests_are_in_the_order_of_priority_age_run_and_position(store: StoreUnderTest, runs: Runs) -> None:
    young = await runs.add(waiting(A, at=seconds_later(2)))
    low = await runs.add(waiting(A, at=seconds_later(-9), priority=-1))
    old = await runs.add(waiting(A, position=1), waiting(A, position=0))
    twin = await runs.add(waiting(A, B))
    high = await runs.add(waiting(A, at=seconds_later(9), priority=1))
    expected = [(high, None), (old, 0), (old, 1), (twin, None), (young, None), (low, None)]

    grantable = await find_grantable(store)

    assert [(request.run_id, request.position) for request in grantable] == expected
    assert await list_waiting(store, A, B) == grantable
    assert await find_grantable(store, limit=2) == await list_waiting(store, A, B, limit=2) == grantable[:2]
    assert grantable[3] == SlotRequest(twin, None, (A, B), 0, NOW)
    async with store.open_unit_of_work() as work:
        assert await work.concurrency.find_waiting(A.name) == [high, old, twin, young, low]
        assert await work.concurrency.find_waiting(B.name) == [twin]
        assert await work.concurrency.find_holders(A.name) == []


async def test_holders_are_in_the_order_in_which_they_took_their_slots(store: StoreUnderTest, runs: Runs) -> None:
    late = await runs.add(held(A, at=seconds_later(5)))
    early = await runs.add(held(A, at=seconds_later(1)), held(A, position=0, at=seconds_later(6)))

    async with store.open_unit_of_work() as work:
        assert await work.concurrency.find_holders(A.name) == [early, late]
        assert await work.concurrency.find_holders(B.name) == []


async def test_only_requests_all_of_whose_buckets_have_room_can_be_granted(store: StoreUnderTest, runs: Runs) -> None:
    """A request that is blocked elsewhere does not hold up those behind it."""
    await set_limits(store, a=2, b=1, c=1)
    await runs.add(held(A, B))
    blocked = await runs.add(waiting(A, B, priority=100))
    free = await runs.add(waiting(A), waiting(C, position=0), waiting(B, position=1))

    assert [(each.run_id, each.position) for each in await find_grantable(store)] == [(free, None), (free, 0)]

    await set_limits(store, b=2)
    assert [(each.run_id, each.position) for each in await find_grantable(store)] == [
        (blocked, None),
        (free, None),
        (free, 0),
        (free, 1),
    ]

    await set_limits(store, a=1, b=1, c=1)
    assert [(each.run_id, each.position) for each in await find_grantable(store)] == [(free, 0)]


async def test_only_requests_for_the_named_buckets_are_listed(store: StoreUnderTest, runs: Runs) -> None:
    both = await runs.add(waiting(A, B))
    one = await runs.add(waiting(A), waiting(C, position=0))

    assert [(each.run_id, each.position) for each in await list_waiting(store, A)] == [(one, None)]
    assert [(each.run_id, each.position) for each in await list_waiting(store, B, A)] == [(both, None), (one, None)]
    assert await list_waiting(store, B) == await list_waiting(store) == []


async def test_a_locked_bucket_makes_others_wait_and_then_read_what_was_taken(store: StoreUnderTest, runs: Runs) -> None:
    run_id = await runs.add()
    async with store.open_unit_of_work() as work:
        await work.concurrency.lock([A, B])
        blocked = await is_blocked(read_states(store, C, B))
        assert blocked is not None
        assert await read_states(store, C) == [BucketState(None)]
        run = (await work.runs.lock([run_id]))[run_id]
        run.slot_changes = {None: held(A, B)}
        await work.runs.save(run)
        await work.commit()

    assert await blocked == [BucketState(None), BucketState(None, 1)]


async def test_a_holder_gives_its_slot_back_while_the_bucket_is_locked(store: StoreUnderTest, runs: Runs) -> None:
    run_id = await runs.add(held(A))
    async with store.open_unit_of_work() as work:
        await work.concurrency.lock([A])

        async with asyncio.timeout(20):
            await runs.change(run_id, a_change(SlotState.NONE))


async def test_transactions_that_lock_the_same_buckets_in_any_order_never_deadlock(store: StoreUnderTest) -> None:
    async def lock(*buckets: Bucket) -> None:
        async with store.open_unit_of_work() as work:
            await work.concurrency.lock(buckets)
            await work.commit()

    await asyncio.gather(*(lock(*buckets) for _ in range(10) for buckets in ((A, B, C), (C, B, A), (B, A), (C, A))))


async def test_slots_are_never_given_twice(store: StoreUnderTest) -> None:
    """Each of many transactions takes a slot if it sees a free one under the lock."""
    pipeline = await a_pipeline(store.open_unit_of_work, "sales", ["a"])
    await set_limits(store, a=3)

    async def open_run(number: int) -> None:
        async with store.open_unit_of_work() if number % 2 else store.other_unit_of_work() as work:
            await take_or_wait(work, number)
            await work.commit()

    async def take_or_wait(work: UnitOfWork, number: int) -> None:
        has_room = (await work.concurrency.lock([A]))[A.name].has_room
        run = a_run_of(pipeline, number=number)
        run.slot_changes = {None: held(A) if has_room else waiting(A)}
        await work.runs.add(run)

    await asyncio.gather(*(open_run(number) for number in range(1, 13)))

    assert await read_states(store, A) == [BucketState(3, 3, 9)]


async def test_dispatches_are_found_by_priority_and_then_by_age(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "sales", ["a"])
    runs = [a_run_of(pipeline, number=number) for number in (1, 2, 3, 4)]
    for run, priority in zip(runs, (0, -5, 7, 0), strict=True):
        run.priority = priority
    async with store.open_unit_of_work() as work:
        await work.runs.add_all(runs)
        await work.commit()

    async with store.other_unit_of_work() as work:
        found = await work.dispatches.find_requested(pipeline.definition.pool, 10)
        first = await work.dispatches.find_requested(pipeline.definition.pool, 1)

    assert [run_id for run_id, _ in found] == [runs[index].id for index in (2, 0, 3, 1)]
    assert first == found[:1]


async def test_limits_of_a_pipeline_replace_its_former_ones_only(store: StoreUnderTest) -> None:
    mine, other = Bucket("pipeline:1", "pipeline:1"), Bucket("pipeline:2", "pipeline:2")
    for pipeline_id, limits in ((2, {other.limit_name: 5}), (1, {mine.limit_name: 1, ACME.limit_name: 2}), (1, {ACME.limit_name: 4})):
        async with store.open_unit_of_work() as work:
            await work.concurrency.set_limits(pipeline_id, limits, NOW)
            await work.commit()

    assert await read_states(store, mine, other, ACME) == [BucketState(None), BucketState(5), BucketState(4)]

    async with store.open_unit_of_work() as work:
        await work.concurrency.set_limits(1, {}, NOW)
        await work.commit()
    assert await read_states(store, other, ACME) == [BucketState(5), BucketState(None)]


async def test_groups_have_their_limits_and_the_pipelines_that_use_them(store: StoreUnderTest) -> None:
    sales = await a_pipeline(store.open_unit_of_work, "sales", ["a"])
    stock = await a_pipeline(store.open_unit_of_work, "stock", ["a"])
    by_run, by_stages = GroupUse("warehouse", 4, True, 0), GroupUse("warehouse", None, False, 2)
    async with store.open_unit_of_work() as work:
        await work.concurrency.lock_groups()
        await work.concurrency.set_uses(stock.id, [by_stages, GroupUse("mail", None, True, 0)])
        await work.concurrency.set_uses(sales.id, [by_run])
        await work.concurrency.set_group_limit("warehouse", 4, None, NOW)
        await work.concurrency.set_group_limit("unused", 1, "ada", NOW)
        await work.commit()

    async with store.other_unit_of_work() as work:
        groups = await work.concurrency.lock_groups()

    users = (GroupUser(sales.id, "sales", by_run), GroupUser(stock.id, "stock", by_stages))
    assert groups == {
        "mail": Group("mail", None, None, (GroupUser(stock.id, "stock", GroupUse("mail", None, True, 0)),)),
        "unused": Group("unused", 1, "ada", ()),
        "warehouse": Group("warehouse", 4, None, users),
    }


async def test_uses_and_limits_of_groups_are_replaced_and_removed(store: StoreUnderTest) -> None:
    sales = await a_pipeline(store.open_unit_of_work, "sales", ["a"])
    for limit, uses in ((4, [GroupUse("warehouse", 4, True, 0)]), (5, [GroupUse("mail", None, False, 1)]), (None, [])):
        async with store.open_unit_of_work() as work:
            await work.concurrency.lock_groups()
            await work.concurrency.set_uses(sales.id, uses)
            await work.concurrency.set_group_limit("warehouse", limit, "ada", NOW)
            await work.commit()
        async with store.open_unit_of_work() as work:
            groups = await work.concurrency.lock_groups()
        assert [user.use for group in groups.values() for user in group.users] == uses
        assert (groups["warehouse"].limit if "warehouse" in groups else None) == limit


async def test_one_transaction_at_a_time_changes_groups(store: StoreUnderTest) -> None:
    sales = await a_pipeline(store.open_unit_of_work, "sales", ["a"])

    async def count_users() -> int:
        async with store.other_unit_of_work() as work:
            return sum(len(group.users) for group in (await work.concurrency.lock_groups()).values())

    async with store.open_unit_of_work() as work:
        assert await work.concurrency.lock_groups() == {}
        blocked = await is_blocked(count_users())
        assert blocked is not None
        await work.concurrency.set_uses(sales.id, [GroupUse("warehouse", 4, True, 0)])
        async with store.other_unit_of_work() as other:
            assert await other.concurrency.list_groups() == {}
        await work.commit()

    assert await blocked == 1


@pytest.mark.real
async def test_a_lock_that_stays_taken_makes_others_unavailable(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.concurrency.lock([A])
        with pytest.raises(Unavailable):
            await read_states(store, A)


async def test_what_is_needed_to_open_runs_is_read_under_the_locks_of_the_buckets(store: StoreUnderTest, runs: Runs) -> None:
    await set_limits(store, a=2)
    await runs.add(held(A))
    pipeline = await a_pipeline(store.open_unit_of_work, "stock")

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        prepared = await work.prepare_runs([pipeline.id], [A, B])
        without = await work.prepare_runs([pipeline.id], [])
        blocked = await is_blocked(read_states(store, B))
        assert blocked is not None

    assert await blocked == [BucketState(None)]
    assert (prepared.numbers, prepared.states) == ({pipeline.id: 1}, {A.name: BucketState(2, 1), B.name: BucketState(None)})
    assert (without.numbers, without.states) == ({pipeline.id: 1}, {})
