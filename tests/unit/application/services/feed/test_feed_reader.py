"""The feed reader, stepped by hand over fakes."""

import asyncio
from collections.abc import Awaitable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest
from pytest_mock import MockerFixture

from application.ports.dispatch.worker_messages import StopRun, WakeRun
from application.ports.queries.change_feed import ChangeBatch
from application.services.feed.feed_reader import WORKER_EVENT_TYPES, FeedReader
from application.services.feed.subscription import Subscription
from domain.runs.events import EventType
from domain.runs.status import Status
from domain.site_events import SiteEvent, SiteEventType
from tests.support.actions import WORKER, status_update
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


async def run_dispatcher(headgate: InProcessHeadgate) -> None:
    dispatcher = headgate.application.dispatcher()
    await dispatcher.wait()
    await dispatcher.run_once()


async def read_feed(headgate: InProcessHeadgate, feed_reader: FeedReader) -> None:
    await headgate.application.change_notifier().run_once()
    await feed_reader.run_once()


async def test_without_viewers_only_events_for_workers_are_read(mocker: MockerFixture) -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    feed, feed_reader = headgate.fakes.change_feed, headgate.application.feed_reader()
    await read_feed(headgate, feed_reader)
    run_id = (await headgate.use_cases.trigger("remote")).run_id
    read = mocker.spy(feed, "read")

    await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id))
    await read_feed(headgate, feed_reader)
    unwatched = [call.args[2:] for call in read.call_args_list]
    with headgate.application.hub().subscribe():
        await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id, records_processed=5))
        await read_feed(headgate, feed_reader)

    assert unwatched == [(WORKER_EVENT_TYPES,)]
    assert [call.args[2:] for call in read.call_args_list[1:]] == [()]


async def test_a_viewer_that_subscribes_during_a_read_gets_all_events_since() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    feed, hub, feed_reader = headgate.fakes.change_feed, headgate.application.hub(), headgate.application.feed_reader()
    run_id = (await headgate.use_cases.trigger("remote")).run_id
    await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id))
    await read_feed(headgate, feed_reader)
    read, subscriptions = feed.read, ExitStack()

    async def read_slowly(*arguments: Any) -> ChangeBatch:
        batch = await read(*arguments)
        if not hub.viewer_count:
            viewers.append(subscriptions.enter_context(hub.subscribe()))
        return batch

    viewers: list[Subscription] = []
    with subscriptions, patch.object(feed, "read", read_slowly):
        await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id, records_processed=5))
        await read_feed(headgate, feed_reader)
        batch = await viewers[0].next_batch(1)

    assert batch is not None
    assert [event.type for event in batch.events] == [EventType.STAGE_PROGRESS]


async def test_the_first_viewer_starts_at_the_current_position() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    feed_reader = headgate.application.feed_reader()
    run_id = (await headgate.use_cases.trigger("remote")).run_id
    await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id))
    await read_feed(headgate, feed_reader)
    for records in (1, 2):
        await headgate.use_cases.report(status_update(Status.RUNNING, "only", run_id=run_id, records_processed=records))
        await read_feed(headgate, feed_reader)

    with headgate.application.hub().subscribe() as viewer:
        cursor = await viewer.wait_for_start_cursor()

    assert cursor == await headgate.fakes.change_feed.position()


async def test_a_viewer_from_before_the_first_read_waits_for_its_start_cursor() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    hub, feed_reader = headgate.application.hub(), headgate.application.feed_reader()
    with hub.subscribe() as viewer:
        cursor = asyncio.create_task(viewer.wait_for_start_cursor())
        await asyncio.sleep(0)
        was_early = not cursor.done()
        await headgate.application.change_notifier().run_once()
        await feed_reader.run_once()
        run_id = (await headgate.use_cases.trigger("remote")).run_id
        await headgate.application.change_notifier().run_once()
        await feed_reader.run_once()
        batch = await viewer.next_batch(1)

    assert was_early
    assert await cursor is not None
    assert batch is not None
    assert {event.run_id for event in batch.events} == {run_id}


async def test_viewers_get_each_event_once_in_order() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    feed_reader = headgate.application.feed_reader()
    await headgate.application.change_notifier().run_once()
    await feed_reader.run_once()

    with headgate.application.hub().subscribe() as viewer:
        run_id = (await headgate.use_cases.trigger("remote")).run_id
        await headgate.application.change_notifier().run_once()
        await feed_reader.run_once()
        batch = await viewer.next_batch(1)

    assert batch is not None
    assert [event.seq for event in batch.events] == list(range(1, (await headgate.use_cases.get_run(run_id)).last_seq + 1))


async def test_a_cancel_by_another_process_reaches_the_connected_worker() -> None:
    here = InProcessHeadgate()
    here.fakes.worker_streams.link(WORKER)
    await here.use_cases.create_pipeline(1)
    run_id = (await here.use_cases.trigger()).run_id
    await run_dispatcher(here)
    feed_reader = here.application.feed_reader()
    await here.application.change_notifier().run_once()
    await feed_reader.run_once()

    await here.start_second_process().application.cancel_run()(run_id)
    await here.application.change_notifier().run_once()
    await feed_reader.run_once()

    assert any(isinstance(message, StopRun) and message.run_id == run_id for _, message in here.fakes.worker_streams.pushed)


async def test_a_timeout_found_by_another_process_reaches_the_connected_worker() -> None:
    here = InProcessHeadgate()
    here.fakes.worker_streams.link(WORKER)
    await here.use_cases.create_pipeline([a_stage("a", timeout=60)])
    run_id = (await here.use_cases.trigger()).run_id
    await run_dispatcher(here)
    feed_reader = here.application.feed_reader()
    await here.application.change_notifier().run_once()
    await feed_reader.run_once()

    elsewhere = here.start_second_process()
    await elsewhere.sweep_due_runs(91)
    await elsewhere.application.change_notifier().run_once()
    await feed_reader.run_once()

    assert (WORKER, WakeRun(run_id)) in here.fakes.worker_streams.pushed


async def test_a_worker_whose_lease_another_process_let_expire_is_disconnected() -> None:
    here = InProcessHeadgate()
    here.fakes.worker_streams.link(WORKER)
    await here.use_cases.create_pipeline([a_stage("a")])
    run_id = (await here.use_cases.trigger()).run_id
    await run_dispatcher(here)
    feed_reader = here.application.feed_reader()
    await here.application.change_notifier().run_once()
    await feed_reader.run_once()

    elsewhere = here.start_second_process()
    for _ in range(22):
        await elsewhere.application.lease_sweeper().run_once()
        here.fakes.clock.advance(1)
    await elsewhere.application.change_notifier().run_once()
    await feed_reader.run_once()

    assert (await here.use_cases.get_stage_statuses(run_id))["a"] is Status.LOST
    assert here.fakes.worker_streams.reserve("headgate", 1) is None


async def test_a_pipeline_that_another_process_changes_wakes_the_tick_service() -> None:
    headgate = InProcessHeadgate()
    other, feed_reader, wakeups = headgate.start_second_process(), headgate.application.feed_reader(), headgate.application.wakeups()
    await read_feed(headgate, feed_reader)
    assert not wakeups.schedules.is_set()

    await other.use_cases.create_pipeline(1, name="hourly", schedules=[{"name": "main", "every": "1h"}])
    await feed_reader.run_once()

    assert wakeups.schedules.is_set()
    await headgate.application.tick_service().run_once()
    headgate.fakes.clock.advance(3_600)
    await headgate.application.tick_service().run_once()
    wakeups.schedules.clear()
    await feed_reader.run_once()
    assert not wakeups.schedules.is_set(), "a tick changes no other schedule"


async def test_requests_and_limits_of_other_processes_wake_the_grant_service() -> None:
    headgate = InProcessHeadgate()
    other = headgate.start_second_process()
    feed_reader, slots = other.application.feed_reader(), other.application.wakeups().slots

    async def wakes(act: Awaitable[object]) -> bool:
        slots.clear()
        await act
        await headgate.application.change_notifier().run_once()
        await feed_reader.run_once()
        return bool(slots.is_set())

    await wakes(headgate.use_cases.create_pipeline(1, concurrency=[{"limit": 1}]))
    await wakes(headgate.use_cases.trigger())

    assert await wakes(headgate.use_cases.trigger()), "a run waits"
    assert await wakes(headgate.use_cases.create_pipeline(1, "other")), "a limit may have changed"
    assert not await wakes(headgate.use_cases.trigger("other"))


async def test_a_worker_is_woken_for_a_stage_that_another_process_granted() -> None:
    headgate = InProcessHeadgate()
    other = headgate.start_second_process()
    feed_reader = other.application.feed_reader()
    await headgate.use_cases.create_pipeline(1, "owner", concurrency=[{"group": "disk", "limit": 1}])
    await headgate.use_cases.create_pipeline([a_stage("free", needs=[]), a_stage("load", needs=[], uses=["disk"])])
    owner, run_id = [(await headgate.use_cases.trigger(name)).run_id for name in ("owner", "nightly")]
    await headgate.use_cases.claim(run_id)
    other.fakes.worker_streams.link(WORKER)
    await headgate.application.cancel_run()(owner)
    await read_feed(headgate, feed_reader)
    other.fakes.worker_streams.pushed.clear()

    await headgate.application.grant_service().run_once()
    await read_feed(headgate, feed_reader)

    assert other.fakes.worker_streams.pushed == [(WORKER, WakeRun(run_id))]


@pytest.mark.parametrize("type_", [SiteEventType.INCIDENT_CHANGED, SiteEventType.CHANNEL_CHANGED, SiteEventType.SILENCE_CHANGED])
async def test_a_change_by_another_process_wakes_the_delivery_service(type_: SiteEventType) -> None:
    headgate = InProcessHeadgate()
    feed_reader, wakeups = headgate.application.feed_reader(), headgate.application.wakeups()
    await read_feed(headgate, feed_reader)
    async with headgate.fakes.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(type_, headgate.fakes.clock.now())])
        await work.commit()

    await read_feed(headgate, feed_reader)

    assert wakeups.deliveries.is_set()
    assert not wakeups.schedules.is_set(), "it changes no schedule"


@pytest.mark.parametrize("type_", [SiteEventType.PIPELINE_CHANGED, SiteEventType.PIPELINE_ARCHIVED, SiteEventType.ALERT_RULES_CHANGED])
async def test_new_rules_of_another_process_wake_the_judges_of_alerts(type_: SiteEventType) -> None:
    headgate = InProcessHeadgate()
    feed_reader, wakeups = headgate.application.feed_reader(), headgate.application.wakeups()
    await read_feed(headgate, feed_reader)
    async with headgate.fakes.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(type_, headgate.fakes.clock.now())])
        await work.commit()

    await read_feed(headgate, feed_reader)

    assert wakeups.alerts.is_set() and wakeups.expectations.is_set()
    assert wakeups.schedules.is_set() == (type_ is not SiteEventType.ALERT_RULES_CHANGED)
