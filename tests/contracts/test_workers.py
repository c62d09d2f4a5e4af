from datetime import UTC, datetime

from application.ports.persistence import WorkerSeen
from tests.builders import NOW
from tests.contracts.stores import StoreUnderTest

A_CENTURY = 3.2e9


async def seen(store: StoreUnderTest, worker: WorkerSeen, at: datetime = NOW) -> None:
    async with store.open_unit_of_work() as work:
        await work.workers.seen(worker, at)
        await work.commit()


async def test_a_worker_is_shown_as_it_last_spoke(store: StoreUnderTest) -> None:
    await seen(store, WorkerSeen("w1", "laptop", "headgate", 4, 4))
    await seen(store, WorkerSeen("w1", "laptop", "gpu", 8, 3, "1.0"))

    (worker,) = await store.reader.workers(None, A_CENTURY)

    assert (worker.id, worker.name, worker.pool, worker.slots, worker.free, worker.seen_at) == ("w1", "laptop", "gpu", 8, 3, NOW)


async def test_workers_are_shown_by_pool_and_by_when_they_spoke(store: StoreUnderTest) -> None:
    now = datetime.now(UTC)
    await seen(store, WorkerSeen("old", "old", "headgate", 4, 4), datetime(2000, 1, 1, tzinfo=UTC))
    await seen(store, WorkerSeen("w1", "one", "headgate", 4, 4), max(now, NOW))
    await seen(store, WorkerSeen("w2", "two", "gpu", 4, 4), max(now, NOW))

    assert {worker.id for worker in await store.reader.workers(None, 600)} == {"w1", "w2"}
    assert {worker.id for worker in await store.reader.workers("gpu", 600)} == {"w2"}
    assert await store.reader.workers("nowhere", A_CENTURY) == []


async def test_a_worker_that_left_is_not_shown(store: StoreUnderTest) -> None:
    await seen(store, WorkerSeen("w1", "one", "headgate", 4, 4))

    async with store.open_unit_of_work() as work:
        await work.workers.gone("w1")
        await work.workers.gone("nobody")
        await work.commit()

    assert await store.reader.workers(None, A_CENTURY) == []
