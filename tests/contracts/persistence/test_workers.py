from datetime import UTC, datetime

from application.ports.persistence.workers import WorkerStatus
from application.queries.views.workers import QueueView
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_stored_run

A_CENTURY = 3.2e9


async def record_seen(store: StoreUnderTest, worker: WorkerStatus, at: datetime = NOW) -> None:
    async with store.open_unit_of_work() as work:
        await work.workers.record_seen(worker, at)
        await work.commit()


async def test_a_worker_is_read_as_of_its_last_heartbeat(store: StoreUnderTest) -> None:
    await record_seen(store, WorkerStatus("w1", "laptop", "headgate", 4, 4))
    await record_seen(store, WorkerStatus("w1", "laptop", "gpu", 8, 3, "1.0"))

    (worker,) = await store.reader.workers(None, A_CENTURY)

    assert (worker.id, worker.name, worker.pool, worker.slots, worker.free, worker.seen_at) == ("w1", "laptop", "gpu", 8, 3, NOW)


async def test_workers_are_filtered_by_pool_and_by_last_heartbeat(store: StoreUnderTest) -> None:
    now = datetime.now(UTC)
    await record_seen(store, WorkerStatus("old", "old", "headgate", 4, 4), datetime(2000, 1, 1, tzinfo=UTC))
    await record_seen(store, WorkerStatus("w1", "one", "headgate", 4, 4), max(now, NOW))
    await record_seen(store, WorkerStatus("w2", "two", "gpu", 4, 4), max(now, NOW))

    assert {worker.id for worker in await store.reader.workers(None, 600)} == {"w1", "w2"}
    assert {worker.id for worker in await store.reader.workers("gpu", 600)} == {"w2"}
    assert await store.reader.workers("nowhere", A_CENTURY) == []


async def test_a_removed_worker_is_not_listed(store: StoreUnderTest) -> None:
    await record_seen(store, WorkerStatus("w1", "one", "headgate", 4, 4))

    async with store.open_unit_of_work() as work:
        await work.workers.remove("w1")
        await work.workers.remove("nobody")
        await work.commit()

    assert await store.reader.workers(None, A_CENTURY) == []


async def test_the_queue_of_a_pool_has_its_workers_and_its_unclaimed_runs_in_order(store: StoreUnderTest) -> None:
    await record_seen(store, WorkerStatus("w1", "one", "headgate", 4, 2))
    await record_seen(store, WorkerStatus("w2", "two", "gpu", 4, 4))
    pipeline = await a_pipeline(store.open_unit_of_work)
    first, second, third = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(3)]
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([second]))[second]
        run.claim(run.dispatch.epoch, "w1", NOW)
        await work.runs.save(run)
        await work.commit()

    queue, cut = await store.reader.queue("headgate", A_CENTURY, 10), await store.reader.queue("headgate", A_CENTURY, 1)

    assert ([worker.id for worker in queue.workers], queue.waiting) == (["w1"], [first, third])
    assert cut.waiting == [first]
    assert await store.reader.queue("nowhere", A_CENTURY, 10) == QueueView([], [])
