from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from application.ports.persistence.workers import TokenWorker, WorkerStatus
from application.queries.views.workers import QueueView, WorkerTokenView
from domain.access.api_tokens import ApiToken, TokenKind
from domain.errors import Conflict
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_stored_run

A_CENTURY = 3.2e9


async def record_seen(store: StoreUnderTest, worker: WorkerStatus, at: datetime = NOW) -> bool:
    async with store.open_unit_of_work() as work:
        is_first_contact = await work.workers.record_seen(worker, at)
        await work.commit()
    return is_first_contact


async def add_token(store: StoreUnderTest, name: str = "lab") -> int:
    async with store.open_unit_of_work() as work:
        token = await work.api_tokens.add(ApiToken(0, name, TokenKind.WORKER, (), None, "x9Zq", "ada", NOW), name.encode())
        await work.commit()
    return token.id


async def record_use(store: StoreUnderTest, token_id: int, name: str, address: str | None, at: datetime) -> bool:
    async with store.open_unit_of_work() as work:
        is_first = await work.workers.record_token_use(token_id, name, address, at)
        await work.commit()
    return is_first


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


async def test_a_worker_has_the_token_of_its_first_contact(store: StoreUnderTest) -> None:
    lab, other = await add_token(store), await add_token(store, "other")
    before = WorkerStatus("w1", "one", "headgate", 4, 4)
    worker = replace(before, token_id=lab)

    assert await record_seen(store, before) is False
    assert await record_seen(store, worker) is True, "a row of the release before has no token"
    assert await record_seen(store, replace(worker, free=2)) is False
    for foreign in (before, replace(worker, token_id=other), replace(worker, name="two")):
        with pytest.raises(Conflict) as conflict:
            await record_seen(store, foreign)
        assert conflict.value.kind == "worker_id_taken"
    async with store.open_unit_of_work() as work:
        await work.workers.remove("w1", other)
        await work.workers.remove("w1")
        await work.api_tokens.revoke(lab, NOW)
        await work.commit()

    (listed,) = await store.reader.workers(None, A_CENTURY)
    assert (listed.free, listed.token) == (2, WorkerTokenView("lab", None, NOW))
    async with store.open_unit_of_work() as work:
        await work.workers.remove("w1", lab)
        await work.commit()
    assert await store.reader.workers(None, A_CENTURY) == []


async def test_the_workers_of_a_token_are_listed_with_their_processes(store: StoreUnderTest) -> None:
    lab, other, now = await add_token(store), await add_token(store, "other"), max(datetime.now(UTC), NOW)
    hour = timedelta(hours=1)

    assert await record_use(store, lab, "one", "10.0.0.7", NOW) is True
    assert await record_use(store, lab, "one", "10.0.0.8", NOW + 2 * hour) is False
    assert await record_use(store, lab, "two", None, NOW + 3 * hour) is True
    assert await record_use(store, other, "one", None, NOW) is True
    for id, token_id, at in (("a", lab, now), ("b", lab, now), ("c", lab, datetime(2000, 1, 1, tzinfo=UTC)), ("d", other, now)):
        await record_seen(store, WorkerStatus(id, "one", "headgate", 4, 3, token_id=token_id), at)

    async with store.open_unit_of_work() as work:
        listed = await work.workers.list_token_workers([lab], 600, 9)
        newest = await work.workers.list_token_workers([lab, other], 600, 1)
        assert await work.workers.list_token_workers([lab + other + 1], 600, 9) == []
    one = TokenWorker(lab, "one", NOW, NOW + 2 * hour, "10.0.0.8", processes=2, running_stages=2)
    assert listed == [one, TokenWorker(lab, "two", NOW + 3 * hour, NOW + 3 * hour, None)]
    assert newest == [one, TokenWorker(other, "one", NOW, NOW, None, processes=1, running_stages=1)]
