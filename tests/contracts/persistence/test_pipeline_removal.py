from datetime import UTC, datetime, timedelta

from application.ports.persistence.flow_runs import FlowRunRef
from application.ports.persistence.pipelines import StoredPipeline
from domain.runs.run import Run
from domain.runs.status import Status
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, WORKER, a_pipeline, a_stage, a_stored_run, an_hour_later, seconds_later


async def mark_deleted(store: StoreUnderTest, pipeline: StoredPipeline) -> None:
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.mark_deleted(pipeline.id, NOW)
        await work.commit()


async def an_external_pipeline(store: StoreUnderTest, name: str = "nightly") -> StoredPipeline:
    return await a_pipeline(store.open_unit_of_work, name, [a_stage("a", "external")])


async def change(store: StoreUnderTest, run_id: int, *steps: object) -> Run:
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        for step in steps:
            step(run)  # type: ignore[operator]
        await work.runs.save(run)
        await work.commit()
        return run


async def an_ended_run(store: StoreUnderTest, pipeline: StoredPipeline, at: datetime = NOW) -> int:
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    await change(store, run_id, lambda run: run.cancel(at, None))
    return run_id


async def remove_all(store: StoreUnderTest, pipeline: StoredPipeline, ended_before: datetime) -> int:
    removed = 0
    while count := await store.pipeline_removal.remove_batch(pipeline.id, ended_before):
        removed += count
    return removed


async def test_a_pipeline_that_is_not_deleted_keeps_its_rows(store: StoreUnderTest) -> None:
    pipeline = await an_external_pipeline(store)
    run_id = await an_ended_run(store, pipeline)

    assert list(await store.pipeline_removal.find_deleted()) == []
    assert await store.pipeline_removal.remove_batch(pipeline.id, an_hour_later()) == 0
    assert await store.pipeline_removal.remove_batch(404, an_hour_later()) == 0

    assert await store.reader.run(run_id) is not None
    assert await store.reader.pipeline(pipeline.id) is not None


async def test_a_deleted_pipeline_is_removed_with_its_runs_and_no_other(store: StoreUnderTest) -> None:
    pipeline, other = await an_external_pipeline(store), await an_external_pipeline(store, "other")
    runs = [await an_ended_run(store, pipeline) for _ in range(120)]
    kept = await an_ended_run(store, other)
    await mark_deleted(store, pipeline)
    assert list(await store.pipeline_removal.find_deleted()) == [pipeline.id]

    removed = await remove_all(store, pipeline, seconds_later(1))

    assert removed > len(runs)
    assert list(await store.pipeline_removal.find_deleted()) == []
    assert [await store.reader.run(run_id) for run_id in (runs[0], runs[-1])] == [None, None]
    assert await store.reader.events(runs[0], 0, 9) == []
    assert await store.reader.run(kept) is not None
    assert len(await store.reader.events(kept, 0, 9)) > 0


async def test_a_pass_that_stops_in_the_middle_is_continued(store: StoreUnderTest) -> None:
    pipeline = await an_external_pipeline(store)
    runs = [await an_ended_run(store, pipeline) for _ in range(60)]
    await mark_deleted(store, pipeline)

    assert await store.pipeline_removal.remove_batch(pipeline.id, seconds_later(1)) > 0
    assert await store.reader.run(runs[0]) is None and await store.reader.run(runs[-1]) is not None
    await remove_all(store, pipeline, seconds_later(1))

    assert await store.reader.run(runs[-1]) is None
    assert list(await store.pipeline_removal.find_deleted()) == []


async def test_a_run_that_is_active_or_just_ended_keeps_the_pipeline(store: StoreUnderTest) -> None:
    pipeline = await an_external_pipeline(store)
    old, active = await an_ended_run(store, pipeline), await a_stored_run(store.open_unit_of_work, pipeline)
    await mark_deleted(store, pipeline)

    await remove_all(store, pipeline, NOW)
    assert await store.reader.run(old) is not None
    await remove_all(store, pipeline, seconds_later(1))
    assert (await store.reader.run(old), await store.reader.run(active) is not None) == (None, True)
    ended = await change(store, active, lambda run: run.cancel(seconds_later(1), None))
    await remove_all(store, pipeline, seconds_later(2))

    assert ended.status is Status.CANCELLED
    assert await store.reader.run(active) is None
    assert list(await store.pipeline_removal.find_deleted()) == []


async def test_a_run_whose_end_prefect_does_not_know_is_kept_for_an_hour(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly", 1)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    await change(store, run_id, lambda run: run.claim(run.dispatch.epoch, WORKER, NOW))
    async with store.open_unit_of_work() as work:
        await work.dispatches.record_flow_run(run_id, 1, "flow-1")
        await work.commit()
    await change(store, run_id, lambda run: run.cancel(NOW, None))
    await mark_deleted(store, pipeline)

    await remove_all(store, pipeline, an_hour_later())
    assert await store.reader.run(run_id) is not None
    await remove_all(store, pipeline, an_hour_later() + timedelta(seconds=1))

    assert await store.reader.run(run_id) is None
    assert NOW.tzinfo is UTC


async def test_a_run_with_a_flow_run_under_way_is_kept_for_an_hour_and_removed_with_it(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly", [a_stage("a", "prefect")])
    run_id, settled = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(2)]
    await change(store, run_id, lambda run: run.cancel(NOW, None))
    await change(store, settled, lambda run: run.cancel(NOW, None))
    async with store.open_unit_of_work() as work:
        await work.flow_runs.remove([FlowRunRef(settled, "a", 1)])
        await work.commit()
    await mark_deleted(store, pipeline)

    await remove_all(store, pipeline, an_hour_later())
    assert [await store.reader.run(each) is not None for each in (run_id, settled)] == [True, False]
    await remove_all(store, pipeline, an_hour_later() + timedelta(seconds=1))

    assert await store.reader.run(run_id) is None
    async with store.open_unit_of_work() as work:
        assert await work.flow_runs.get_next_request_at() is None
