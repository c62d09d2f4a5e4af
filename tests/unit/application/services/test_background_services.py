"""Background services, stepped by hand over fakes."""

import asyncio
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from pytest_mock import MockerFixture

from application.ports.dispatch.orchestrator import FlowRunRequest, FlowState
from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun
from application.ports.persistence.logs import NewLogLine
from application.ports.queries.change_feed import ChangeBatch
from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from application.services.dispatch.local_wakeups import MAX_DISPATCH_REQUESTS, DispatchRequest
from application.services.feed.feed_reader import WORKER_EVENT_TYPES, FeedReader
from application.services.feed.subscription import Subscription
from application.services.maintenance.retention_pruner import RetentionPolicy, RetentionPruner
from domain.runs.events import EventType
from domain.runs.status import Status
from tests.support.actions import WORKER, status_update
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


async def offer(headgate: InProcessHeadgate) -> None:
    dispatch_requests = headgate.application.dispatcher()
    await dispatch_requests.wait()
    await dispatch_requests.run_once()


async def follow_once(headgate: InProcessHeadgate, follow: FeedReader) -> None:
    await headgate.application.change_notifier().run_once()
    await follow.run_once()


def claims(headgate: InProcessHeadgate) -> list[Claim]:
    return [message for _, message in headgate.fakes.worker_streams.pushed if isinstance(message, Claim)]


async def test_a_triggered_run_is_pushed_to_the_linked_worker_with_its_first_stage() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline(3)

    run_id = (await headgate.use_cases.trigger()).run_id
    await offer(headgate)

    [claim] = claims(headgate)
    assert (claim.run_id, [start.stage for start in claim.starts]) == (run_id, ["a"])
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.RUNNING, "b": Status.PENDING, "c": Status.PENDING}


async def test_dispatches_beyond_the_free_slots_wait_and_go_to_the_next_free_one() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER, slots=2)
    await headgate.use_cases.create_pipeline(1)
    runs = [(await headgate.use_cases.trigger()).run_id for _ in range(3)]

    await offer(headgate)
    at_first = [claim.run_id for claim in claims(headgate)]
    await headgate.use_cases.advance(runs[0], ("a", "completed"))
    headgate.fakes.worker_streams.set_free_slots(WORKER, 1, 2)
    await offer(headgate)

    assert at_first == runs[:2]
    assert [claim.run_id for claim in claims(headgate)] == runs


async def test_a_dispatch_of_another_pool_never_goes_to_a_warm_worker() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline(1, pool="processes")

    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.outbox_relay().run_once()
    await headgate.application.dispatcher().run_once()

    run = await headgate.use_cases.get_run(run_id)
    assert claims(headgate) == []
    assert (run.status, len(run.flow_run_ids)) == (Status.QUEUED, 1)


async def test_a_trigger_while_prefect_is_down_waits_in_the_outbox_and_then_goes() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    headgate.fakes.orchestrator.is_down = True
    run_id = (await headgate.use_cases.trigger()).run_id

    await headgate.application.outbox_relay().run_once()
    waiting = await headgate.use_cases.get_run(run_id)
    headgate.fakes.orchestrator.is_down = False
    headgate.fakes.clock.advance(60)
    await headgate.application.outbox_relay().run_once()

    assert (waiting.unrecorded, list(waiting.flow_run_ids)) == (True, [])
    assert len((await headgate.use_cases.get_run(run_id)).flow_run_ids) == 1
    assert not (await headgate.use_cases.get_run(run_id)).unrecorded


async def test_a_warm_dispatch_whose_worker_left_no_record_is_recorded_as_it_ended() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    relay = headgate.application.outbox_relay()

    await relay.run_once()
    early = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    headgate.fakes.clock.advance(60)
    await relay.run_once()

    [flow_run_id] = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    assert not early
    assert (await headgate.fakes.orchestrator.get_states([flow_run_id]))[flow_run_id] is FlowState.COMPLETED


async def test_a_cancel_in_prefect_cancels_the_run() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    flow_run_id = await recorded(headgate, run_id, FlowState.RUNNING)
    await headgate.fakes.orchestrator.set_state(flow_run_id, FlowState.CANCELLING, "by hand")

    await headgate.application.prefect_reconciler().run_once()

    assert (await headgate.use_cases.get_run(run_id)).stop_requested_at is not None


async def test_nothing_stays_running_in_prefect_after_a_dispatch_is_over() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    flow_run_id = await recorded(headgate, run_id, FlowState.RUNNING)
    await headgate.use_cases.advance(run_id, ("a", "failed"))
    reconcile = headgate.application.prefect_reconciler()

    await reconcile.run_once()
    early = await headgate.fakes.orchestrator.get_states([flow_run_id])
    headgate.fakes.clock.advance(30)
    await reconcile.run_once()

    assert early[flow_run_id] is FlowState.RUNNING
    assert (await headgate.fakes.orchestrator.get_states([flow_run_id]))[flow_run_id] is FlowState.FAILED


async def test_an_unclaimed_dispatch_whose_flow_run_vanished_is_requested_again() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run_id = (await headgate.use_cases.trigger()).run_id
    relay = headgate.application.outbox_relay()
    await relay.run_once()
    [first] = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    headgate.fakes.orchestrator.lose(first)

    await headgate.application.prefect_reconciler().run_once()
    await relay.run_once()

    assert (await headgate.use_cases.get_run(run_id)).dispatch_epoch == 2
    assert len((await headgate.use_cases.get_run(run_id)).flow_run_ids) == 2


async def test_while_nobody_watches_only_what_concerns_workers_is_read(mocker: MockerFixture) -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    feed, follow = headgate.fakes.change_feed, headgate.application.feed_reader()
    await follow_once(headgate, follow)
    run_id = (await headgate.use_cases.trigger("remote")).run_id
    read = mocker.spy(feed, "read")

    await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id))
    await follow_once(headgate, follow)
    unwatched = [call.args[2:] for call in read.call_args_list]
    with headgate.application.hub().subscribe():
        await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id, records_processed=5))
        await follow_once(headgate, follow)

    assert unwatched == [(WORKER_EVENT_TYPES,)]
    assert [call.args[2:] for call in read.call_args_list[1:]] == [()]


async def test_a_viewer_that_comes_while_the_feed_is_read_gets_all_that_follows_its_place() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    feed, hub, follow = headgate.fakes.change_feed, headgate.application.hub(), headgate.application.feed_reader()
    run_id = (await headgate.use_cases.trigger("remote")).run_id
    await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id))
    await follow_once(headgate, follow)
    read, viewer_count = feed.read, ExitStack()

    async def slow(*arguments: Any) -> ChangeBatch:
        batch = await read(*arguments)
        if not hub.viewer_count:
            seen.append(viewer_count.enter_context(hub.subscribe()))
        return batch

    seen: list[Subscription] = []
    with viewer_count, patch.object(feed, "read", slow):
        await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id, records_processed=5))
        await follow_once(headgate, follow)
        batch = await seen[0].next_batch(1)

    assert batch is not None
    assert [event.type for event in batch.events] == [EventType.STAGE_PROGRESS]


async def test_a_place_told_to_a_viewer_is_where_its_first_batch_begins_though_nobody_watched_before() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    follow = headgate.application.feed_reader()
    run_id = (await headgate.use_cases.trigger("remote")).run_id
    await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id))
    await follow_once(headgate, follow)
    for records in (1, 2):
        await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id, records_processed=records))
        await follow_once(headgate, follow)

    with headgate.application.hub().subscribe() as viewer:
        place = await viewer.wait_for_start_cursor()

    assert place == await headgate.fakes.change_feed.position()


async def test_a_cancel_by_another_process_reaches_the_worker_linked_here() -> None:
    here = InProcessHeadgate()
    here.fakes.worker_streams.link(WORKER)
    await here.use_cases.create_pipeline(1)
    run_id = (await here.use_cases.trigger()).run_id
    await offer(here)
    follow = here.application.feed_reader()
    await here.application.change_notifier().run_once()
    await follow.run_once()

    await here.start_second_process().application.cancel_run()(run_id)
    await here.application.change_notifier().run_once()
    await follow.run_once()

    assert any(isinstance(message, StopRun) and message.run_id == run_id for _, message in here.fakes.worker_streams.pushed)


async def test_viewers_get_each_event_once_in_order() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    follow = headgate.application.feed_reader()
    await headgate.application.change_notifier().run_once()
    await follow.run_once()

    with headgate.application.hub().subscribe() as viewer:
        run_id = (await headgate.use_cases.trigger("remote")).run_id
        await headgate.application.change_notifier().run_once()
        await follow.run_once()
        batch = await viewer.next_batch(1)

    assert batch is not None
    assert [event.seq for event in batch.events] == list(range(1, (await headgate.use_cases.get_run(run_id)).last_seq + 1))


async def recorded(headgate: InProcessHeadgate, run_id: int, state: FlowState) -> str:
    """As its worker would: the flow run stands in Prefect and is noted."""
    flow_run_id = await headgate.fakes.orchestrator.create_flow_run(FlowRunRequest("headgate", f"key-{run_id}", "a run", {}, state))
    await headgate.application.record_flow_run()(run_id, 1, flow_run_id)
    return flow_run_id


async def refused_three_times(headgate: InProcessHeadgate) -> int:
    """The run whose dispatch Prefect refuses until it is in quarantine."""
    await headgate.use_cases.create_pipeline(1, pool="processes")
    headgate.fakes.orchestrator.refused.add("nightly #1")
    run_id = (await headgate.use_cases.trigger()).run_id
    relay = headgate.application.outbox_relay()
    for _ in range(3):
        await relay.run_once()
        headgate.fakes.clock.advance(60)
    return run_id


async def test_what_prefect_refuses_is_put_in_quarantine_says_why_and_lets_others_through() -> None:
    headgate = InProcessHeadgate()
    run_id = await refused_three_times(headgate)

    other = (await headgate.use_cases.trigger()).run_id
    await headgate.application.outbox_relay().run_once()

    refused = await headgate.use_cases.get_run(run_id)
    why = str(explain_run(refused, RunContext(headgate.fakes.clock.now(), is_warm=False)))
    assert (refused.unrecorded, list(refused.flow_run_ids)) == (True, [])
    assert "Prefect rejected it (Prefect answered 422: it will not have nightly #1). Headgate retries within the hour" in why
    assert len((await headgate.use_cases.get_run(other)).flow_run_ids) == 1


async def test_what_is_in_quarantine_is_tried_again_after_an_hour() -> None:
    headgate = InProcessHeadgate()
    run_id = await refused_three_times(headgate)
    headgate.fakes.orchestrator.refused.clear()

    headgate.fakes.clock.advance(3_000)
    await headgate.application.outbox_relay().run_once()
    early = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    headgate.fakes.clock.advance(600)
    await headgate.application.outbox_relay().run_once()

    run = await headgate.use_cases.get_run(run_id)
    assert not early
    assert (len(run.flow_run_ids), run.unrecorded, run.refusal) == (1, False, None)


async def test_what_is_in_quarantine_is_tried_again_at_once_when_somebody_asks() -> None:
    headgate = InProcessHeadgate()
    run_id = await refused_three_times(headgate)
    headgate.fakes.orchestrator.refused.clear()

    released = await headgate.application.release_quarantine()()
    await headgate.application.outbox_relay().run_once()

    assert released == 1
    assert len((await headgate.use_cases.get_run(run_id)).flow_run_ids) == 1


async def test_a_prefect_that_does_not_answer_puts_nothing_in_quarantine() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    headgate.fakes.orchestrator.is_down = True
    runs = [(await headgate.use_cases.trigger()).run_id for _ in range(3)]

    for _ in range(12):
        await headgate.application.outbox_relay().run_once()
        headgate.fakes.clock.advance(60)
    views = [await headgate.use_cases.get_run(run_id) for run_id in runs]
    headgate.fakes.orchestrator.is_down = False
    await headgate.application.outbox_relay().run_once()

    assert [(view.refusal, view.unrecorded) for view in views] == [(None, True)] * 3
    assert [len((await headgate.use_cases.get_run(run_id)).flow_run_ids) for run_id in runs] == [1, 1, 1]


async def test_a_stage_past_its_timeout_is_failed_by_the_sweep_and_its_worker_is_told_to_kill_it() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline([a_stage("a", timeout=60, allow_failure=True), a_stage("b", needs=[])])
    run_id = (await headgate.use_cases.trigger()).run_id
    await offer(headgate)

    headgate.fakes.clock.advance(91)
    await headgate.application.due_run_sweeper().run_once()
    step = await headgate.use_cases.advance(run_id, holding=frozenset({("a", 1), ("b", 1)}))

    assert (await headgate.use_cases.get_stage_statuses(run_id))["a"] is Status.FAILED
    assert (WORKER, WakeRun(run_id)) in headgate.fakes.worker_streams.pushed
    assert (list(step.kill), step.ended) == ([("a", 1)], False)


async def test_an_overrun_found_by_another_process_reaches_the_worker_linked_here() -> None:
    here = InProcessHeadgate()
    here.fakes.worker_streams.link(WORKER)
    await here.use_cases.create_pipeline([a_stage("a", timeout=60)])
    run_id = (await here.use_cases.trigger()).run_id
    await offer(here)
    follow = here.application.feed_reader()
    await here.application.change_notifier().run_once()
    await follow.run_once()

    here.fakes.clock.advance(91)
    elsewhere = here.start_second_process()
    await elsewhere.application.due_run_sweeper().run_once()
    await elsewhere.application.change_notifier().run_once()
    await follow.run_once()

    assert (WORKER, WakeRun(run_id)) in here.fakes.worker_streams.pushed


async def test_retention_keeps_what_the_settings_say_and_nothing_for_ever_but_zero() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    keeping = headgate.application.retention_pruner()
    first = await keeping.prune()
    async with headgate.fakes.open_unit_of_work() as work:
        await work.logs.append(run_id, "a", 1, [NewLogLine(0, headgate.fakes.clock.now(), "stdout", "text")], 1_000)
        await work.commit()

    headgate.fakes.clock.advance(40 * 86_400)
    month = await keeping.prune()
    headgate.fakes.clock.advance(60 * 86_400)
    quarter = await keeping.prune()

    assert (len(first.made), list(first.dropped)) == (10, [])
    assert list(month.dropped) == ["log_line_p20260302"]
    assert "event_p20260302" in quarter.dropped
    assert await headgate.fakes.reader.events(run_id, 0, 10) == []
    assert (await headgate.use_cases.get_run(run_id)).last_seq > 0
    forever = RetentionPruner(headgate.fakes.retention, headgate.fakes.clock, RetentionPolicy(0, 0))
    headgate.fakes.clock.advance(1_000 * 86_400)
    assert list((await forever.prune()).dropped) == []


async def test_a_flood_of_offers_is_bounded_and_loses_nothing() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    wakeups = headgate.application.wakeups()
    for epoch in range(2 * MAX_DISPATCH_REQUESTS):
        wakeups.request_dispatch(DispatchRequest(404, epoch, "headgate"))

    headgate.fakes.worker_streams.link(WORKER)
    assert wakeups.dispatch_requests.qsize() == MAX_DISPATCH_REQUESTS
    for _ in range(3):
        await offer(headgate)

    assert [claim.run_id for claim in claims(headgate)] == [run_id]


async def test_a_worker_whose_clock_is_far_off_is_not_believed_about_when_it_wrote() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    now = headgate.fakes.clock.now()
    times = [now - timedelta(hours=1), now - timedelta(days=400), now + timedelta(days=400)]

    await headgate.application.append_log()(run_id, "a", 1, [NewLogLine(n, at, "stdout", "text") for n, at in enumerate(times)])

    stored = await headgate.fakes.reader.log(run_id, stage=None, attempt=None, after=0, limit=10)
    assert [line.at for line in stored] == [times[0], now, now]


async def test_a_dispatch_whose_flow_began_and_never_claimed_it_goes_to_the_next() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.outbox_relay().run_once()
    [flow_run] = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    await headgate.fakes.orchestrator.set_state(flow_run, FlowState.RUNNING, "its process began, and died")
    reconcile = headgate.application.prefect_reconciler()
    headgate.fakes.clock.advance(100)

    await reconcile.run_once()
    at_first = (await headgate.use_cases.get_run(run_id)).dispatch_epoch
    headgate.fakes.clock.advance(61)
    await reconcile.run_once()

    after = await headgate.use_cases.get_run(run_id)
    assert (at_first, after.dispatch_epoch, after.dispatch_state) == (1, 2, "requested")


async def test_a_viewer_that_came_before_the_reader_began_waits_for_its_place() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    hub, follow = headgate.application.hub(), headgate.application.feed_reader()
    with hub.subscribe() as viewer:
        place = asyncio.create_task(viewer.wait_for_start_cursor())
        await asyncio.sleep(0)
        was_early = not place.done()
        await headgate.application.change_notifier().run_once()
        await follow.run_once()
        run_id = (await headgate.use_cases.trigger("remote")).run_id
        await headgate.application.change_notifier().run_once()
        await follow.run_once()
        batch = await viewer.next_batch(1)

    assert was_early
    assert await place is not None
    assert batch is not None
    assert {event.run_id for event in batch.events} == {run_id}
