import asyncio

from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_stored_run, an_hour_later

SHORT = 0.1
LONG = 600.0


async def some_runs(store: StoreUnderTest, count: int = 1) -> list[int]:
    pipeline = await a_pipeline(store.open_unit_of_work, pool="gpu")
    return [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(count)]


async def lease_rows(store: StoreUnderTest, relay: str, limit: int = 10, seconds: float = LONG) -> list[tuple[int, int]]:
    async with store.open_unit_of_work() as work:
        rows = await work.outbox.lease(relay, limit, seconds)
        await work.commit()
        return [(row.run_id, row.tries) for row in rows]


async def test_a_run_that_requests_a_dispatch_adds_a_row(store: StoreUnderTest) -> None:
    (run_id,) = await some_runs(store)

    async with store.open_unit_of_work() as work:
        (row,) = await work.outbox.lease("relay", 10, LONG)

    assert (row.run_id, row.epoch, row.pool, row.tries) == (run_id, 1, "gpu", 0)


async def test_a_run_of_external_stages_adds_no_row(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "remote", [{"name": "a", "kind": "external"}])
    await a_stored_run(store.open_unit_of_work, pipeline)

    assert await lease_rows(store, "relay") == []


async def test_a_leased_row_is_skipped_until_the_lease_expires(store: StoreUnderTest) -> None:
    (run_id,) = await some_runs(store)

    assert await lease_rows(store, "one", seconds=SHORT) == [(run_id, 0)]
    await store.pass_time(2 * SHORT)

    assert await lease_rows(store, "two") == [(run_id, 0)]
    assert await lease_rows(store, "one") == []


async def test_a_row_locked_by_another_relay_is_skipped_without_waiting(store: StoreUnderTest) -> None:
    first, second = await some_runs(store, 2)

    async with store.open_unit_of_work() as one, store.open_unit_of_work() as two:
        taken = await one.outbox.lease("one", 1, LONG)
        async with asyncio.timeout(20):
            rest = await two.outbox.lease("two", 10, LONG)

    assert [row.run_id for row in taken] == [first]
    assert [row.run_id for row in rest] == [second]


async def test_concurrent_relays_share_the_rows_and_none_is_leased_twice(store: StoreUnderTest) -> None:
    runs = await some_runs(store, 12)

    taken = await asyncio.gather(*(lease_rows(store, f"relay-{n}", limit=3) for n in range(4)))
    taken.append(await lease_rows(store, "last", limit=12))

    assert sorted(run_id for rows in taken for run_id, _ in rows) == runs


async def test_a_lease_that_rolled_back_is_not_stored(store: StoreUnderTest) -> None:
    (run_id,) = await some_runs(store)

    async with store.open_unit_of_work() as work:
        await work.outbox.lease("one", 10, LONG)

    assert await lease_rows(store, "two") == [(run_id, 0)]


async def test_a_delivered_row_is_removed(store: StoreUnderTest) -> None:
    first, second = await some_runs(store, 2)

    async with store.open_unit_of_work() as work:
        await work.outbox.mark_delivered(first, 1)
        await work.outbox.mark_delivered(404, 1)
        await work.commit()

    assert await lease_rows(store, "relay") == [(second, 0)]


async def test_a_failed_delivery_is_counted_and_retried_after_its_delay(store: StoreUnderTest) -> None:
    (run_id,) = await some_runs(store)

    async with store.open_unit_of_work() as work:
        (row,) = await work.outbox.lease("relay", 1, LONG)
        await work.outbox.postpone(row.id, "Prefect does not respond.", SHORT)
        await work.commit()
    await store.pass_time(2 * SHORT)
    assert await lease_rows(store, "relay") == [(run_id, 1)]

    async with store.open_unit_of_work() as work:
        await work.outbox.postpone(row.id, "Prefect does not respond.", LONG)
        await work.commit()
    assert await lease_rows(store, "relay") == []


async def test_unclaimed_dispatches_are_listed_by_pool_oldest_first(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, pool="gpu")
    younger = await a_stored_run(store.open_unit_of_work, pipeline, now=an_hour_later())
    older = await a_stored_run(store.open_unit_of_work, pipeline, now=NOW)
    elsewhere = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, "elsewhere"))

    async with store.open_unit_of_work() as work:
        assert await work.dispatches.find_requested("gpu", 10) == [(older, 1), (younger, 1)]
        assert await work.dispatches.find_requested("gpu", 1) == [(older, 1)]
        assert await work.dispatches.find_requested("headgate", 10) == [(elsewhere, 1)]
        assert await work.dispatches.find_requested("nowhere", 10) == []


async def test_a_claimed_dispatch_has_a_holder_and_is_no_longer_requested(store: StoreUnderTest) -> None:
    one, two = await some_runs(store, 2)

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([one]))[one]
        run.claim(1, "worker-1", NOW)
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.dispatches.find_requested("gpu", 10) == [(two, 1)]
        assert await work.dispatches.find_holders([one, two, 404]) == {one: "worker-1"}
        assert await work.dispatches.find_holders([]) == {}


async def test_a_lost_dispatch_is_marked_and_the_next_one_is_requested(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(
        store.open_unit_of_work, stages=[{"name": "a", "kind": "python", "callable": "jobs:a", "retries": 1, "retry_on_loss": True}]
    )
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.claim(1, "worker-1", NOW)
        run.start_ready_stages(1, "worker-1", NOW)
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.lose_dispatch(1, an_hour_later())
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        lost, heir = await work.dispatches.find(run_id, 1), await work.dispatches.find(run_id, 2)
        assert await work.dispatches.find_requested("headgate", 10) == [(run_id, 2)]
    assert lost is not None and heir is not None
    assert (lost.state, lost.lost, lost.ended_at) == ("none", True, an_hour_later())
    assert (heir.state, heir.lost, heir.ended_at) == ("requested", False, None)
    assert (heir.pipeline, heir.number, heir.run_status, heir.requested_at) == ("nightly", 1, "running", an_hour_later())
    assert sorted(await lease_rows(store, "relay")) == [(run_id, 0), (run_id, 0)]


async def test_a_flow_run_is_unsettled_until_its_state_is_confirmed(store: StoreUnderTest) -> None:
    (run_id,) = await some_runs(store)
    async with store.open_unit_of_work() as work:
        assert await work.dispatches.find_unsettled(10) == []
        await work.dispatches.record_flow_run(run_id, 1, "7b1c0a2e-flow")
        await work.commit()

    async with store.open_unit_of_work() as work:
        (record,) = await work.dispatches.find_unsettled(10)
        assert (record.run_id, record.epoch, record.pool, record.flow_run_id) == (run_id, 1, "gpu", "7b1c0a2e-flow")
        assert await work.dispatches.find(run_id, 1) == record
        assert await work.dispatches.find_run_id_by_flow_run("7b1c0a2e-flow") == run_id
        await work.dispatches.mark_settled(run_id, 1)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.dispatches.find_unsettled(10) == []
    view = await store.reader.run(run_id)
    assert view is not None and list(view.flow_run_ids) == ["7b1c0a2e-flow"]


async def test_an_unknown_flow_run_has_no_run(store: StoreUnderTest) -> None:
    (run_id,) = await some_runs(store)

    async with store.open_unit_of_work() as work:
        assert await work.dispatches.find(run_id, 2) is None
        assert await work.dispatches.find(404, 1) is None
        for text in ("", "nobody", "x" * 500, "00000000-0000-0000-0000-000000000000"):
            assert await work.dispatches.find_run_id_by_flow_run(text) is None


async def test_a_quarantined_row_waits_until_it_is_released(store: StoreUnderTest) -> None:
    refused, other = await some_runs(store, 2)
    async with store.open_unit_of_work() as work:
        (row, _) = await work.outbox.lease("relay", 2, SHORT)
        await work.outbox.quarantine(row.id, "Prefect answered 422.", LONG)
        await work.commit()
    await store.pass_time(2 * SHORT)

    assert await lease_rows(store, "relay") == [(other, 0)]
    views = {run_id: await store.reader.run(run_id) for run_id in (refused, other)}
    assert {run_id: view.refusal for run_id, view in views.items() if view} == {refused: "Prefect answered 422.", other: None}
    assert all(view.unrecorded for view in views.values() if view)

    async with store.open_unit_of_work() as work:
        assert await work.outbox.release() == 1
        await work.commit()
    assert await lease_rows(store, "relay") == [(refused, 1)]

    async with store.open_unit_of_work() as work:
        await work.outbox.mark_delivered(refused, 1)
        assert await work.outbox.release() == 0
        await work.commit()
    view = await store.reader.run(refused)
    assert view is not None and (view.unrecorded, view.refusal) == (False, None)


async def test_a_flow_run_of_a_closed_dispatch_has_no_run(store: StoreUnderTest) -> None:
    (run_id,) = await some_runs(store)
    async with store.open_unit_of_work() as work:
        await work.dispatches.record_flow_run(run_id, 1, "7b1c0a2e-flow")
        run = (await work.runs.lock([run_id]))[run_id]
        assert run.close_unclaimed_dispatch(1, an_hour_later(), "taken by nobody")
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.dispatches.find_run_id_by_flow_run("7b1c0a2e-flow") is None
