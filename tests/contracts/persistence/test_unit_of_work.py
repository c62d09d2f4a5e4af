import asyncio

import pytest

from application.ports.persistence.receipts import Receipt, ReceiptKey
from domain.errors import Conflict
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_definition, a_pipeline, a_run_of, a_stored_run, an_hour_later


async def test_leaving_without_commit_discards_everything(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition("nightly", 1), NOW)
        await work.runs.add(a_run_of(pipeline))

    async with store.open_unit_of_work() as work:
        assert await work.pipelines.find(pipeline.id) == pipeline
        assert (await work.runs.find_recent([pipeline.id]))[pipeline.id].latest is None
        assert await work.outbox.lease("relay", 10, 60) == []


async def test_an_error_discards_everything(store: StoreUnderTest) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.open_unit_of_work() as work:
            await work.pipelines.add(a_definition(), NOW)
            raise ZeroDivisionError

    async with store.open_unit_of_work() as work:
        assert await work.pipelines.count() == 0


async def test_other_transactions_see_nothing_before_the_commit(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.pipelines.add(a_definition(), NOW)
        async with store.open_unit_of_work() as other:
            assert await other.pipelines.count() == 0
            assert await store.reader.pipelines(0, 10) == []
            assert await work.pipelines.count() == 1
            await work.commit()
            assert await other.pipelines.count() == 1

    assert len(await store.reader.pipelines(0, 10)) == 1


async def test_locking_a_locked_run_waits_and_then_reads_the_committed_state(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async def second() -> int:
        async with store.open_unit_of_work() as work:
            return (await work.runs.lock([run_id]))[run_id].last_seq

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.cancel(an_hour_later(), "ada")
        await work.runs.save(run)
        waiting = await is_blocked(second())
        assert waiting is not None
        await work.commit()

    assert await waiting == run.last_seq


async def test_leaving_without_commit_releases_the_locks(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)

    async def second() -> None:
        async with store.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        waiting = await is_blocked(second())
        assert waiting is not None

    async with asyncio.timeout(20):
        await waiting


async def test_reading_does_not_wait_for_a_lock(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.runs.lock([run_id])
        async with store.open_unit_of_work() as other:
            async with asyncio.timeout(20):
                assert await other.pipelines.find(pipeline.id) == pipeline
                assert await store.reader.run(run_id) is not None


async def test_concurrent_run_numbers_of_one_pipeline_have_no_gaps_or_duplicates(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)

    await asyncio.gather(*(a_stored_run(store.open_unit_of_work, pipeline) for _ in range(8)))

    runs = await store.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=100)
    assert sorted(run.number for run in runs) == list(range(1, 9))


async def test_locking_the_same_runs_in_opposite_orders_causes_no_deadlock(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    ids = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(4)]

    async def lock(order: list[int]) -> int:
        async with store.open_unit_of_work() as work:
            return len(await work.runs.lock(order))

    counts = await asyncio.wait_for(asyncio.gather(*(lock(order) for order in [ids, ids[::-1]] * 4)), 10)

    assert counts == [4] * 8


async def test_only_one_of_two_concurrent_claims_gets_the_dispatch(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async def claim(worker: str) -> str:
        async with store.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            run.claim(1, worker, NOW)
            await work.runs.save(run)
            await work.commit()
            return worker

    ends = await asyncio.gather(*(claim(f"worker-{n}") for n in range(6)), return_exceptions=True)

    winners = [end for end in ends if isinstance(end, str)]
    assert len(winners) == 1
    assert sum(isinstance(end, Conflict) for end in ends) == 5
    async with store.open_unit_of_work() as work:
        assert await work.dispatches.find_holders([run_id]) == {run_id: winners[0]}


async def test_runs_receipts_and_pipelines_are_loaded_together(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "taken")
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    key, receipt = ReceiptKey(run_id, "ci", "e1"), Receipt(b"digest", {"outcome": "applied"})
    async with store.open_unit_of_work() as work:
        await work.runs.lock([run_id])
        await work.receipts.add({key: receipt}, NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        runs, receipts, pipelines = await work.load_for_update(
            [run_id, 404], [key, ReceiptKey(run_id, "ci", "e2")], ["taken", pipeline.id, "nobody"]
        )
        assert (list(runs), receipts, list(pipelines)) == ([run_id], {key: receipt}, ["taken", pipeline.id])
        assert pipelines["taken"] == pipelines[pipeline.id] == pipeline

    async with store.open_unit_of_work() as work:
        assert await work.load_for_update([]) == ({}, {}, {})
        assert (await work.load_for_update([], refs=["nobody", 2**70])).pipelines == {}
