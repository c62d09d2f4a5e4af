from dataclasses import replace
from datetime import timedelta

import pytest

from application.ports.persistence.schedules import StoredSchedule
from domain.schedules.tick import Tick, TickReason, TickState
from tests.contracts.persistence.test_schedules import add_schedules
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline

HOUR = timedelta(hours=1)
DECIDED = NOW + timedelta(seconds=1)


async def a_schedule(store: StoreUnderTest) -> StoredSchedule:
    (schedule,) = await add_schedules(store, await a_pipeline(store.open_unit_of_work), nightly=NOW + 2 * HOUR)
    return schedule


def a_tick(schedule: StoredSchedule, hours: int = 0, state: TickState = TickState.WAITING, reason: TickReason | None = None) -> Tick:
    at = NOW + hours * HOUR
    return Tick(schedule.id, schedule.pipeline_id, at, at, state, DECIDED, reason=reason)


async def store_ticks(store: StoreUnderTest, *ticks: Tick) -> None:
    async with store.open_unit_of_work() as work:
        await work.ticks.add(ticks)
        await work.commit()


async def list_open(store: StoreUnderTest, schedule: StoredSchedule) -> list[Tick]:
    async with store.open_unit_of_work() as work:
        return await work.ticks.list_open([schedule.id])


async def test_open_ticks_are_those_that_wait_and_those_from_the_next_one_on(store: StoreUnderTest) -> None:
    schedule = await a_schedule(store)
    ticks = [
        a_tick(schedule, 0),
        a_tick(schedule, 1, TickState.FIRED),
        a_tick(schedule, 2, TickState.MISSED, TickReason.DISK_FULL),
        a_tick(schedule, 3, TickState.MISSED, TickReason.DISK_FULL),
    ]

    await store_ticks(store, *ticks)

    assert await list_open(store, schedule) == [ticks[0], ticks[2], ticks[3]]
    async with store.open_unit_of_work() as work:
        assert await work.ticks.list_open([]) == []
        assert await work.ticks.list_open([404]) == []


async def test_a_tick_is_stored_once(store: StoreUnderTest) -> None:
    schedule = await a_schedule(store)
    await store_ticks(store, a_tick(schedule))

    with pytest.raises(store.refusals):
        await store_ticks(store, a_tick(schedule, 5), a_tick(schedule, 0, TickState.FIRED))

    assert await list_open(store, schedule) == [a_tick(schedule)]


async def test_a_saved_tick_keeps_its_times_and_changes_its_state(store: StoreUnderTest) -> None:
    schedule = await a_schedule(store)
    tick = replace(a_tick(schedule, 2), fire_at=NOW + 3 * HOUR)
    await store_ticks(store, tick)
    changed = replace(tick, state=TickState.MISSED, run_id=7, reason=TickReason.OVERLAP, message="Run 6 was not over.", decided_at=NOW)

    async with store.open_unit_of_work() as work:
        await work.ticks.save([changed])
        await work.commit()

    assert await list_open(store, schedule) == [changed]
