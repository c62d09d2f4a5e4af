"""The contract of the flow runs of stages of kind `prefect`."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from application.ports.dispatch.deployments import FlowLogPosition
from application.ports.persistence.flow_runs import FlowLogState, FlowRunRef, FlowRunRequest, FollowedFlowRun
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from domain.access.actor import Actor
from domain.flow_runs.flow_run import FlowRun, FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.runs.run import Run
from domain.runs.run_flow_runs import lose_flow_run, observe_flow_run, record_created
from domain.runs.stage_actions import cancel_stage
from domain.runs.status import Status
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_pipeline, a_stage, a_stored_run, seconds_later

SHORT = 0.1
LONG = 600.0
ANNA = Actor("anna")
RUNNING = FlowRunObservation(FlowState.RUNNING, "Running", pool="k8s")


async def some_refs(store: StoreUnderTest, count: int = 1, **keys: object) -> list[FlowRunRef]:
    """Store one run of stages of kind `prefect`, all of which request a flow run, and return their refs."""
    stages = [a_stage(chr(ord("a") + index), "prefect", needs=[], **keys) for index in range(count)]
    pipeline = await a_pipeline(store.open_unit_of_work, stages=stages)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    return [FlowRunRef(run_id, stage["name"], 1) for stage in stages]


async def a_ref(store: StoreUnderTest, **keys: object) -> FlowRunRef:
    (ref,) = await some_refs(store, **keys)
    return ref


async def lease(open_unit_of_work: OpenUnitOfWork, limit: int = 10, seconds: float = LONG) -> list[FlowRunRequest]:
    async with open_unit_of_work() as work:
        requests = list(await work.flow_runs.lease_requests(limit, seconds))
        await work.commit()
        return requests


async def set_created(store: StoreUnderTest, *refs: FlowRunRef) -> None:
    """Store for each ref that Prefect created its flow run, whose id is the name of the stage."""
    async with store.open_unit_of_work() as work:
        for ref in refs:
            await work.flow_runs.set_created(ref, ref.stage)
        await work.commit()


async def poll(
    open_unit_of_work: OpenUnitOfWork, interval: float = 0.0, limit: int = 10, after: FlowRunRef | None = None
) -> list[FollowedFlowRun]:
    async with open_unit_of_work() as work:
        followed = list(await work.flow_runs.begin_poll(interval, limit, after))
        await work.commit()
        return followed


async def change_run(store: StoreUnderTest, run_id: int, change: Callable[[Run], object]) -> Run:
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        change(run)
        await work.runs.save(run)
        assert run.flow_run_changes == {}
        await work.commit()
        return run


async def load_run(store: StoreUnderTest, run_id: int) -> Run:
    async with store.open_unit_of_work() as work:
        return (await work.runs.lock([run_id]))[run_id]


def refs_of(rows: list[FlowRunRequest] | list[FollowedFlowRun]) -> list[FlowRunRef]:
    return [row.ref for row in rows]


async def test_a_run_with_a_prefect_stage_requests_a_flow_run(store: StoreUnderTest) -> None:
    ref = await a_ref(store)

    assert await lease(store.open_unit_of_work) == [FlowRunRequest(ref, 0, was_leased=False, is_cancelled=False)]
    assert await poll(store.open_unit_of_work) == []


async def test_a_run_of_other_kinds_requests_none(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    await a_stored_run(store.open_unit_of_work, pipeline)

    assert await lease(store.open_unit_of_work) == []


async def test_a_rolled_back_run_requests_none(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await change_run(store, ref.run_id, lambda run: run.cancel(NOW, None))

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([ref.run_id]))[ref.run_id]
        run.reopen(NOW, "anna", {})
        await work.runs.save(run)

    assert [request.is_cancelled for request in await lease(store.open_unit_of_work)] == [True]


async def test_the_flow_run_of_an_attempt_is_stored_with_it(store: StoreUnderTest) -> None:
    ref = await a_ref(store)

    assert (await load_run(store, ref.run_id)).get_stage("a").current.flow_run == FlowRun(NOW)

    await change_run(store, ref.run_id, lambda run: record_created(run, "a", 1, "f-1", NOW))
    await change_run(store, ref.run_id, lambda run: observe_flow_run(run, "a", 1, RUNNING, seconds_later(1)))

    stored = (await load_run(store, ref.run_id)).get_stage("a").current
    assert stored.flow_run == FlowRun(NOW, "f-1", FlowState.RUNNING, "Running", "k8s")
    assert stored.flow_run.requested_at.utcoffset() is not None
    assert stored.status is Status.RUNNING


async def test_a_leased_request_is_skipped_until_the_lease_expires(store: StoreUnderTest) -> None:
    ref = await a_ref(store)

    assert refs_of(await lease(store.open_unit_of_work, seconds=SHORT)) == [ref]
    await store.pass_time(2 * SHORT)

    assert await lease(store.other_unit_of_work) == [FlowRunRequest(ref, 0, was_leased=True, is_cancelled=False)]
    assert await lease(store.open_unit_of_work) == []


async def test_a_request_that_another_process_leases_now_is_skipped_without_waiting(store: StoreUnderTest) -> None:
    refs = await some_refs(store, 2)

    async with store.open_unit_of_work() as one, store.other_unit_of_work() as two:
        taken = await one.flow_runs.lease_requests(1, LONG)
        async with asyncio.timeout(20):
            rest = await two.flow_runs.lease_requests(10, LONG)

    assert refs_of([*taken, *rest]) == refs
    assert len(taken) == 1


async def test_concurrent_processes_share_the_requests_and_none_is_leased_twice(store: StoreUnderTest) -> None:
    refs = await some_refs(store, 12)

    leased = await asyncio.gather(*(lease(store.open_unit_of_work, limit=3) for _ in range(4)))
    leased.append(await lease(store.other_unit_of_work, limit=12))

    assert sorted(request.ref for requests in leased for request in requests) == refs


async def test_a_postponed_request_counts_its_tries_and_is_due_later(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await lease(store.open_unit_of_work)

    async with store.open_unit_of_work() as work:
        await work.flow_runs.postpone(ref, SHORT)
        await work.commit()

    assert await lease(store.open_unit_of_work) == []
    await store.pass_time(2 * SHORT)
    assert await lease(store.open_unit_of_work) == [FlowRunRequest(ref, 1, was_leased=True, is_cancelled=False)]


async def test_the_next_request_is_due_when_its_lease_or_its_delay_ends(store: StoreUnderTest) -> None:
    async def next_request_at() -> datetime | None:
        async with store.open_unit_of_work() as work:
            return await work.flow_runs.get_next_request_at()

    assert await next_request_at() is None
    first, second = await some_refs(store, 2)
    requested_at = await next_request_at()
    await lease(store.open_unit_of_work, seconds=LONG)
    async with store.open_unit_of_work() as work:
        await work.flow_runs.postpone(second, LONG / 2)
        await work.commit()
    postponed_to = await next_request_at()
    await set_created(store, second)
    leased_until = await next_request_at()
    await set_created(store, first)

    assert requested_at is not None and postponed_to is not None and leased_until is not None
    assert requested_at.astimezone(UTC) < postponed_to < leased_until
    assert await next_request_at() is None


async def test_a_created_flow_run_is_followed_and_no_longer_requested(store: StoreUnderTest) -> None:
    ref = await a_ref(store)

    assert not await has_followed(store)
    await set_created(store, ref)

    assert await lease(store.open_unit_of_work) == []
    (followed,) = await poll(store.open_unit_of_work)
    assert followed == FollowedFlowRun(ref, "a", followed.created_at)
    assert followed.created_at.utcoffset() is not None
    assert await has_followed(store)


async def has_followed(store: StoreUnderTest) -> bool:
    async with store.open_unit_of_work() as work:
        return await work.flow_runs.has_followed()


async def test_the_followed_flow_runs_of_a_run_are_found(store: StoreUnderTest) -> None:
    created, _requested, other = await some_refs(store, 3)
    await set_created(store, created, other)

    async with store.open_unit_of_work() as work:
        found = await work.flow_runs.find_followed([created.run_id])
        unknown = await work.flow_runs.find_followed([created.run_id + 1])

    assert [(each.ref, each.flow_run_id) for each in found] == [(created, "a"), (other, "c")]
    assert unknown == []


async def test_only_one_process_polls_within_the_interval(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await set_created(store, ref)

    processes = [store.open_unit_of_work, store.other_unit_of_work] * 2
    polls = await asyncio.gather(*(poll(each, LONG) for each in processes))

    assert sorted(len(each) for each in polls) == [0, 0, 0, 1]
    assert await poll(store.other_unit_of_work, LONG) == []


async def test_a_poll_that_rolled_back_has_not_begun(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await set_created(store, ref)

    async with store.open_unit_of_work() as work:
        assert refs_of(list(await work.flow_runs.begin_poll(LONG, 10))) == [ref]

    assert refs_of(await poll(store.other_unit_of_work, LONG)) == [ref]


async def test_the_next_poll_begins_after_the_interval(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await set_created(store, ref)

    assert refs_of(await poll(store.open_unit_of_work, SHORT)) == [ref]
    await store.pass_time(2 * SHORT)

    assert refs_of(await poll(store.other_unit_of_work, SHORT)) == [ref]


async def test_a_poll_reads_pages_in_the_order_of_the_refs(store: StoreUnderTest) -> None:
    stages = [a_stage(name, "prefect", needs=[]) for name in ("b", "B", "a", "A.1", "A-1")]
    pipeline = await a_pipeline(store.open_unit_of_work, stages=stages)
    run_ids = [await a_stored_run(store.open_unit_of_work, pipeline), (await a_ref_of_another_run(store)).run_id]
    refs = sorted(request.ref for request in await lease(store.open_unit_of_work))
    await set_created(store, *refs)

    pages = [await poll(store.open_unit_of_work, LONG, 2)]
    while len(pages[-1]) == 2:
        pages.append(await poll(store.open_unit_of_work, LONG, 2, pages[-1][-1].ref))

    assert [row.ref for page in pages for row in page] == refs
    assert {ref.run_id for ref in refs} == set(run_ids)


async def a_ref_of_another_run(store: StoreUnderTest) -> FlowRunRef:
    pipeline = await a_pipeline(store.open_unit_of_work, "other", [a_stage("only", "prefect")])
    return FlowRunRef(await a_stored_run(store.open_unit_of_work, pipeline), "only", 1)


async def test_a_request_cancelled_before_its_creation_is_leased_as_cancelled(store: StoreUnderTest) -> None:
    ref = await a_ref(store)

    await change_run(store, ref.run_id, lambda run: cancel_stage(run, "a", NOW, ANNA, None))

    assert await lease(store.open_unit_of_work) == [FlowRunRequest(ref, 0, was_leased=False, is_cancelled=True)]


async def test_a_cancelled_request_that_was_postponed_is_due_at_once(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await lease(store.open_unit_of_work)
    async with store.open_unit_of_work() as work:
        await work.flow_runs.postpone(ref, LONG)
        await work.commit()

    await change_run(store, ref.run_id, lambda run: cancel_stage(run, "a", NOW, ANNA, None))

    assert await lease(store.open_unit_of_work) == [FlowRunRequest(ref, 1, was_leased=True, is_cancelled=True)]


async def test_a_cancelled_request_stays_with_the_process_that_creates_its_flow_run(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await lease(store.open_unit_of_work)

    await change_run(store, ref.run_id, lambda run: cancel_stage(run, "a", NOW, ANNA, None))
    assert await lease(store.other_unit_of_work) == []
    await set_created(store, ref)

    (followed,) = await poll(store.open_unit_of_work)
    assert followed.cancel_requested_at is not None
    assert followed.cancel_sent_at is None


async def test_a_flow_run_that_is_cancelled_is_followed_until_it_ends(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await change_run(store, ref.run_id, lambda run: record_created(run, "a", 1, "f-1", NOW))
    await set_created(store, ref)

    await change_run(store, ref.run_id, lambda run: cancel_stage(run, "a", NOW, ANNA, None))
    (requested,) = await poll(store.open_unit_of_work)
    async with store.open_unit_of_work() as work:
        await work.flow_runs.mark_cancel_sent([ref])
        await work.commit()
    (sent,) = await poll(store.open_unit_of_work)
    cancelled = FlowRunObservation(FlowState.CANCELLED, "Cancelled")
    run = await change_run(store, ref.run_id, lambda run: observe_flow_run(run, "a", 1, cancelled, NOW))

    assert requested.cancel_requested_at is not None and requested.cancel_sent_at is None
    assert sent.cancel_requested_at == requested.cancel_requested_at
    assert sent.cancel_sent_at is not None
    assert run.get_stage("a").status is Status.CANCELLED
    assert await poll(store.open_unit_of_work) == []


async def test_a_flow_run_that_is_left_is_forgotten(store: StoreUnderTest) -> None:
    ref = await a_ref(store, on_cancel="leave")
    await change_run(store, ref.run_id, lambda run: record_created(run, "a", 1, "a", NOW))
    await set_created(store, ref)

    await change_run(store, ref.run_id, lambda run: run.cancel(NOW, "anna"))

    assert await poll(store.open_unit_of_work) == []
    assert await lease(store.open_unit_of_work) == []


async def test_a_lost_flow_run_is_forgotten(store: StoreUnderTest) -> None:
    first, second = await some_refs(store, 2)
    await set_created(store, first, second)

    await change_run(store, first.run_id, lambda run: lose_flow_run(run, "a", 1, NOW))

    assert refs_of(await poll(store.open_unit_of_work)) == [second]


async def test_what_was_seen_is_remembered(store: StoreUnderTest) -> None:
    first, second = await some_refs(store, 2)
    await set_created(store, first, second)

    async with store.open_unit_of_work() as work:
        await work.flow_runs.remember(first, "running Running")
        await work.commit()

    assert [row.seen for row in await poll(store.open_unit_of_work)] == ["running Running", None]


async def test_a_missing_flow_run_keeps_the_time_since_which_it_is_missing(store: StoreUnderTest) -> None:
    first, second = await some_refs(store, 2)
    await set_created(store, first, second)

    async def mark_missing(*refs: FlowRunRef) -> list[datetime | None]:
        async with store.open_unit_of_work() as work:
            await work.flow_runs.mark_missing(refs)
            await work.commit()
        return [row.missing_since for row in await poll(store.open_unit_of_work)]

    since, other = await mark_missing(first)
    await store.pass_time(0.01)

    assert since is not None and other is None
    again, later = await mark_missing(first, second)
    assert again == since
    assert later is not None and later > since


async def test_a_flow_run_that_is_seen_again_is_not_missing(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await set_created(store, ref)

    async with store.open_unit_of_work() as work:
        await work.flow_runs.mark_missing([ref])
        await work.flow_runs.remember(ref, "running")
        await work.commit()

    assert [row.missing_since for row in await poll(store.open_unit_of_work)] == [None]


async def test_the_time_at_which_a_pool_was_checked_is_stored(store: StoreUnderTest) -> None:
    first, second = await some_refs(store, 2)
    await set_created(store, first, second)

    async with store.open_unit_of_work() as work:
        await work.flow_runs.mark_pools_checked([second])
        await work.commit()

    checked = [row.pool_checked_at for row in await poll(store.open_unit_of_work)]
    assert checked[0] is None
    assert checked[1] is not None


async def test_changes_of_unknown_flow_runs_do_nothing(store: StoreUnderTest) -> None:
    ref, unknown = await a_ref(store), FlowRunRef(2**40, "a", 1)
    await set_created(store, ref, unknown)

    async with store.open_unit_of_work() as work:
        await work.flow_runs.postpone(unknown, 1.0)
        await work.flow_runs.remember(unknown, "running")
        await work.flow_runs.mark_missing([unknown])
        await work.flow_runs.mark_cancel_sent([unknown])
        await work.flow_runs.mark_pools_checked([unknown])
        await work.flow_runs.set_log(unknown, FlowLogState(FlowLogPosition(), 1))
        await work.flow_runs.remove([unknown])
        assert await work.flow_runs.lock_log(unknown) is None
        await work.commit()

    assert refs_of(await poll(store.open_unit_of_work)) == [ref]


async def test_removed_flow_runs_are_neither_followed_nor_requested(store: StoreUnderTest) -> None:
    first, second, third = await some_refs(store, 3)
    await set_created(store, first)

    async with store.open_unit_of_work() as work:
        await work.flow_runs.remove([first, second])
        await work.commit()

    assert await poll(store.open_unit_of_work) == []
    assert refs_of(await lease(store.open_unit_of_work)) == [third]


async def test_the_state_of_a_log_is_stored(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    state = FlowLogState(FlowLogPosition(NOW, frozenset({"one", "two"})), 7)

    async def lock_log(work: UnitOfWork) -> FlowLogState | None:
        return await work.flow_runs.lock_log(ref)

    async with store.open_unit_of_work() as work:
        assert await lock_log(work) is None
    await set_created(store, ref)
    async with store.open_unit_of_work() as work:
        assert await lock_log(work) == FlowLogState(FlowLogPosition(), 0)
        await work.flow_runs.set_log(ref, state)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await lock_log(work) == state


async def test_the_state_of_a_log_is_locked_for_one_process(store: StoreUnderTest) -> None:
    ref = await a_ref(store)
    await set_created(store, ref)
    state = FlowLogState(FlowLogPosition(NOW), 1)

    async with store.open_unit_of_work() as one, store.other_unit_of_work() as two:
        await one.flow_runs.lock_log(ref)
        blocked = await is_blocked(two.flow_runs.lock_log(ref))
        await one.flow_runs.set_log(ref, state)
        await one.commit()

        assert blocked is not None
        assert await blocked == state


async def test_rows_that_two_processes_change_in_opposite_orders_do_not_deadlock(store: StoreUnderTest) -> None:
    """The run cancels every other flow run, and forgets the others."""
    stages = [a_stage(f"s{n:02}", "prefect", needs=[], on_cancel="leave" if n % 2 else "cancel") for n in range(30)]
    pipeline = await a_pipeline(store.open_unit_of_work, stages=stages, parallelism=30)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    refs = [FlowRunRef(run_id, stage["name"], 1) for stage in stages]
    await change_run(store, run_id, lambda run: [record_created(run, *ref[1:], ref.stage, NOW) for ref in refs])
    await set_created(store, *refs)

    async def mark(open_unit_of_work: OpenUnitOfWork, marked: list[FlowRunRef]) -> None:
        async with open_unit_of_work() as work:
            await work.flow_runs.mark_pools_checked(marked)
            await work.commit()

    await asyncio.gather(
        *(mark(store.open_unit_of_work, refs) for _ in range(5)),
        *(mark(store.other_unit_of_work, refs[::-1]) for _ in range(5)),
        change_run(store, run_id, lambda run: run.cancel(NOW, "anna")),
    )

    followed = await poll(store.open_unit_of_work, limit=100)
    assert [row.ref for row in followed] == refs[::2]
    assert all(row.cancel_requested_at is not None and row.pool_checked_at is not None for row in followed)
