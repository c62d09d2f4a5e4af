"""The read models of concurrency groups: their slots, the requests that wait, and what a run waits for."""

from datetime import datetime

import pytest

from application.ports.persistence.concurrency import GroupUse
from application.ports.persistence.pipelines import StoredPipeline
from application.queries.views.groups import GroupUseView, SlotHolderView, SlotWaitView
from domain.concurrency.bucket import Bucket
from domain.concurrency.slots import SlotChange, SlotState
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_run_of, seconds_later

WAREHOUSE, MAIL = (Bucket(f"group:{name}", f"group:{name}") for name in ("warehouse", "mail"))
ACME = Bucket('pipeline:1:customer:"acme"', "pipeline:1:customer")


class Sales:
    """A pipeline with the stages `load` and `send`, and its runs with their slots."""

    def __init__(self, store: StoreUnderTest, pipeline: StoredPipeline) -> None:
        self.store, self.pipeline, self._number = store, pipeline, 0

    async def add_run(self, *changes: SlotChange) -> int:
        self._number += 1
        run = a_run_of(self.pipeline, number=self._number)
        run.slot_changes = {change.position: change for change in changes}
        async with self.store.open_unit_of_work() as work:
            await work.runs.add(run)
            await work.commit()
        return run.id

    async def set_limits(self, **limits: int) -> None:
        async with self.store.open_unit_of_work() as work:
            await work.concurrency.lock_groups()
            for name, limit in limits.items():
                await work.concurrency.set_group_limit(name, limit, "mara", NOW)
            await work.commit()

    async def use(self, *uses: GroupUse) -> None:
        async with self.store.open_unit_of_work() as work:
            await work.pipelines.find(self.pipeline.id, lock=True)
            await work.concurrency.lock_groups()
            await work.concurrency.set_uses(self.pipeline.id, uses)
            await work.commit()


@pytest.fixture
async def sales(store: StoreUnderTest) -> Sales:
    return Sales(store, await a_pipeline(store.open_unit_of_work, "sales", ["load", "send"]))


def held(*buckets: Bucket, position: int | None = None, at: datetime = NOW, over_limit: bool = False) -> SlotChange:
    return SlotChange(position, SlotState.HELD, tuple(sorted(buckets)), 0, at, over_limit)


def waiting(*buckets: Bucket, position: int | None = None, at: datetime = NOW, priority: int = 0) -> SlotChange:
    return SlotChange(position, SlotState.WAITING, tuple(sorted(buckets)), priority, at)


async def test_groups_are_listed_by_name_with_their_slots_and_users(sales: Sales) -> None:
    await sales.set_limits(warehouse=4)
    await sales.use(GroupUse("warehouse", 4, True, 0), GroupUse("mail", None, False, 1))
    await sales.add_run(held(WAREHOUSE), waiting(MAIL, position=1))
    await sales.add_run(waiting(WAREHOUSE))

    mail, warehouse = await sales.store.reader.groups(limit=10)

    assert (mail.name, mail.limit, mail.set_by, mail.set_at, mail.held, mail.waiting) == ("mail", None, None, None, 0, 1)
    assert (warehouse.name, warehouse.limit, warehouse.set_by, warehouse.set_at) == ("warehouse", 4, "mara", NOW)
    assert (warehouse.held, warehouse.waiting) == (1, 1)
    assert list(warehouse.pipelines) == [GroupUseView(sales.pipeline.id, "sales", 4, True, 0)]
    assert list(mail.pipelines) == [GroupUseView(sales.pipeline.id, "sales", None, False, 1)]


async def test_the_list_has_pages(sales: Sales) -> None:
    await sales.set_limits(a=1, b=1, c=1)

    assert [group.name for group in await sales.store.reader.groups(limit=2)] == ["a", "b"]
    assert [group.name for group in await sales.store.reader.groups(limit=2, after="a")] == ["b", "c"]
    assert await sales.store.reader.groups(limit=2, after="c") == []


async def test_a_group_has_its_holders_longest_first_and_its_queue_in_order(sales: Sales) -> None:
    await sales.set_limits(warehouse=1)
    late = await sales.add_run(held(WAREHOUSE, position=1, at=seconds_later(5), over_limit=True))
    early = await sales.add_run(held(WAREHOUSE, at=NOW))
    patient = await sales.add_run(waiting(WAREHOUSE, at=NOW))
    urgent = await sales.add_run(waiting(WAREHOUSE, position=0, at=seconds_later(9), priority=5))

    group = await sales.store.reader.group("warehouse", holders=10, waiting=10)

    assert group is not None
    id = sales.pipeline.id
    assert list(group.holders) == [
        SlotHolderView(early, 2, id, "sales", None, NOW, False),
        SlotHolderView(late, 1, id, "sales", "send", seconds_later(5), True),
    ]
    assert list(group.waiting) == [
        SlotWaitView(urgent, 4, id, "sales", "load", 5, seconds_later(9), 1),
        SlotWaitView(patient, 3, id, "sales", None, 0, NOW, 2),
    ]


async def test_a_group_lists_as_much_as_was_asked_for_and_counts_all(sales: Sales) -> None:
    await sales.set_limits(warehouse=1)
    for _ in range(3):
        await sales.add_run(held(WAREHOUSE, position=0), waiting(WAREHOUSE, position=1))

    group = await sales.store.reader.group("warehouse", holders=2, waiting=1)

    assert group is not None
    assert (len(group.holders), len(group.waiting), group.group.held, group.group.waiting) == (2, 1, 3, 3)


@pytest.mark.parametrize("name", ["nothing", "", "group:warehouse", "ware%"])
async def test_an_unknown_group_is_none(sales: Sales, name: str) -> None:
    await sales.set_limits(warehouse=1)

    assert await sales.store.reader.group(name, holders=1, waiting=1) is None


async def test_a_run_is_told_the_full_buckets_it_waits_for(sales: Sales) -> None:
    await sales.set_limits(warehouse=2, mail=9)
    holders = [await sales.add_run(held(WAREHOUSE, at=seconds_later(index))) for index in range(4)]
    await sales.add_run(waiting(WAREHOUSE, at=NOW))
    run = await sales.add_run(waiting(WAREHOUSE, MAIL, at=seconds_later(1)))

    (full,) = await sales.store.reader.slot_waits(run)

    assert (full.bucket, full.limit_name, full.group, full.limit, full.held) == ("group:warehouse", "group:warehouse", "warehouse", 2, 4)
    assert (full.position_in_line, full.stage, full.requests) == (2, None, 1)
    assert [holder.run_id for holder in full.holders] == holders[:3]


async def test_stages_that_wait_for_one_bucket_are_counted_and_the_first_is_named(sales: Sales) -> None:
    await sales.set_limits(warehouse=1)
    await sales.add_run(held(WAREHOUSE))
    run = await sales.add_run(waiting(WAREHOUSE, position=1, at=NOW), waiting(WAREHOUSE, position=0, at=seconds_later(1)))

    (full,) = await sales.store.reader.slot_waits(run)

    assert (full.stage, full.requests, full.position_in_line) == ("send", 2, 1)


async def test_limits_of_a_key_are_told_by_their_parameter_and_the_runs_own_come_first(sales: Sales) -> None:
    await sales.set_limits(mail=1)
    async with sales.store.open_unit_of_work() as work:
        await work.concurrency.set_limits(sales.pipeline.id, {"pipeline:1:customer": 1}, NOW)
        await work.commit()
    await sales.add_run(held(ACME, MAIL))
    run = await sales.add_run(waiting(ACME), waiting(MAIL, position=0))

    own, of_stage = await sales.store.reader.slot_waits(run)

    assert (own.parameter, own.group, own.stage) == ("customer", None, None)
    assert (of_stage.group, of_stage.stage) == ("mail", "load")


async def test_a_bucket_with_room_or_without_a_limit_is_not_full(sales: Sales) -> None:
    await sales.set_limits(warehouse=2)
    await sales.add_run(held(WAREHOUSE, MAIL))
    run = await sales.add_run(waiting(WAREHOUSE, MAIL))

    assert await sales.store.reader.slot_waits(run) == []
    assert await sales.store.reader.slot_waits(0) == await sales.store.reader.slot_waits(2**63) == []


async def test_a_run_has_its_priority_and_whether_it_waits_for_a_slot(sales: Sales) -> None:
    run = a_run_of(sales.pipeline, number=1)
    run.priority, run.slot_state, run.over_limit = -7, SlotState.WAITING, True
    async with sales.store.open_unit_of_work() as work:
        await work.runs.add(run)
        await work.commit()

    view = await sales.store.reader.run(run.id)

    assert view is not None
    assert (view.priority, view.slot_state, view.over_limit, view.waits_for_slot, view.backfill_id) == (-7, "waiting", True, True, None)
