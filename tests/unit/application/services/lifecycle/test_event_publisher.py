"""The lifecycle event publisher, stepped by hand over fakes."""

import pytest

from application.ports.telemetry.lifecycle_events import AttemptLifecycleEvent, LifecycleEvent, Phase, RunLifecycleEvent
from application.services.lifecycle.event_mapper import EventMapper
from application.services.lifecycle.event_publisher import PAGE_SIZE, EventsRejected, LifecycleEventPublisher
from domain.errors import Unavailable
from domain.runs.status import Status
from domain.site_events import SiteEvent, SiteEventType
from tests.fakes import FakeEventSink
from tests.support.actions import status_update, worker_report
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


def create_publisher(
    headgate: InProcessHeadgate, sink: FakeEventSink | None = None, publisher_id: str = "web-1", timeout: float = 30.0
) -> LifecycleEventPublisher:
    fakes, mapper = headgate.fakes, EventMapper("here")
    sink = sink or fakes.event_sink
    return LifecycleEventPublisher(sink, fakes.change_feed, fakes.reader, fakes.open_unit_of_work, mapper, publisher_id, timeout)


async def start_publisher(stages: int = 2) -> tuple[InProcessHeadgate, LifecycleEventPublisher]:
    """Return a Headgate with a pipeline, and a publisher that publishes everything from now on."""
    headgate = InProcessHeadgate()
    publisher = create_publisher(headgate)
    await publisher.run_once()
    await headgate.use_cases.create_pipeline(stages)
    return headgate, publisher


def summarize(events: list[LifecycleEvent]) -> list[tuple[str, Phase, Status]]:
    return [(each.stage if isinstance(each, AttemptLifecycleEvent) else "run", each.phase, each.status) for each in events]


async def test_a_run_is_published_from_start_to_end_in_order() -> None:
    headgate, publisher = await start_publisher()
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await publisher.run_once()
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    await headgate.use_cases.advance(run_id, ("b", "failed"))

    await publisher.run_once()

    assert summarize(headgate.fakes.event_sink.received) == [
        ("a", Phase.STARTED, Status.RUNNING),
        ("run", Phase.STARTED, Status.RUNNING),
        ("a", Phase.FINISHED, Status.COMPLETED),
        ("b", Phase.STARTED, Status.RUNNING),
        ("b", Phase.FINISHED, Status.FAILED),
        ("run", Phase.FINISHED, Status.FAILED),
    ]


async def test_records_errors_and_times_come_from_the_store() -> None:
    headgate, publisher = await start_publisher(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    triggered = headgate.fakes.clock.now()
    began = headgate.fakes.clock.advance(2)
    await headgate.use_cases.claim(run_id)
    ended = headgate.fakes.clock.advance(30)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "failed", records_processed=41, error_message="no such file"))
    await publisher.run_once()

    run = headgate.fakes.event_sink.received[-1]
    attempt = headgate.fakes.event_sink.received[-2]
    assert isinstance(run, RunLifecycleEvent) and isinstance(attempt, AttemptLifecycleEvent)
    assert (run.created_at, run.started_at, run.finished_at, run.queued_seconds) == (triggered, began, ended, 2.0)
    assert (run.error_message, run.records_processed, run.trigger, run.actor) == ("a: no such file", 41, "api", "mara")
    assert (attempt.error_message, attempt.records_processed, attempt.run.id) == ("no such file", 41, run.id)


async def test_each_attempt_has_its_own_id() -> None:
    headgate, publisher = await start_publisher()
    await headgate.use_cases.create_pipeline([a_stage("flaky", retries=1, retry_delay=0)], name="retrying")
    run_id = (await headgate.use_cases.trigger("retrying")).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("flaky", "failed"))

    await publisher.run_once()

    attempts = {(each.number, each.id) for each in headgate.fakes.event_sink.received if isinstance(each, AttemptLifecycleEvent)}
    assert {number for number, _ in attempts} == {1, 2}
    assert len({id for _, id in attempts}) == 2


async def test_all_processes_and_deliveries_use_the_same_ids() -> None:
    headgate, publisher = await start_publisher(1)
    second = FakeEventSink("second")
    await create_publisher(headgate, second, "web-2").run_once()
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await publisher.run_once()
    await headgate.use_cases.advance(run_id, ("a", "completed"))

    await publisher.run_once()
    await create_publisher(headgate, second, "web-2").run_once()

    assert set(second.known) == set(headgate.fakes.event_sink.known)
    assert len(second.known) == 4


async def test_a_new_sink_starts_with_the_events_that_follow() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    old = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(old)

    publisher = create_publisher(headgate)
    await publisher.run_once()
    await headgate.use_cases.advance(old, ("a", "completed"))
    await publisher.run_once()

    assert summarize(headgate.fakes.event_sink.received) == [
        ("a", Phase.FINISHED, Status.COMPLETED),
        ("run", Phase.FINISHED, Status.COMPLETED),
    ]


async def test_a_sink_that_was_down_receives_everything_later() -> None:
    headgate, publisher = await start_publisher(1)
    sink = headgate.fakes.event_sink
    sink.is_down = True
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await publisher.run_once()
        headgate.fakes.clock.advance(60)
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    sink.is_down = False

    await publisher.run_once()

    assert len(sink.known) == 4


async def test_a_postponed_sink_is_not_called() -> None:
    headgate, publisher = await start_publisher(1)
    headgate.fakes.event_sink.is_down = True
    await headgate.use_cases.claim((await headgate.use_cases.trigger()).run_id)
    with pytest.raises(Unavailable):
        await publisher.run_once()

    await publisher.run_once()

    assert headgate.fakes.event_sink.deliveries == 1


async def test_events_before_a_failure_are_sent_again_with_the_same_ids() -> None:
    headgate, publisher = await start_publisher(1)
    sink = headgate.fakes.event_sink
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    sink.fails_after = 2
    with pytest.raises(Unavailable):
        await publisher.run_once()
    sink.fails_after = None
    headgate.fakes.clock.advance(60)

    await publisher.run_once()

    assert len(sink.received) == 2 + 4
    assert len(sink.known) == 4


async def test_a_sink_that_is_down_does_not_delay_another() -> None:
    headgate, publisher = await start_publisher(1)
    other = FakeEventSink("other")
    other_publisher = create_publisher(headgate, other)
    await other_publisher.run_once()
    headgate.fakes.event_sink.is_down = True
    await headgate.use_cases.claim((await headgate.use_cases.trigger()).run_id)
    with pytest.raises(Unavailable):
        await publisher.run_once()

    await other_publisher.run_once()

    assert len(other.known) == 2


async def test_rejected_events_are_reported_and_skipped() -> None:
    headgate, publisher = await start_publisher(1)
    sink = headgate.fakes.event_sink
    sink.find_rejection = lambda told: "not accepted" if isinstance(told, RunLifecycleEvent) else None
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    with pytest.raises(EventsRejected, match="fake rejected 1 events: not accepted"):
        await publisher.run_once()
    sink.find_rejection = lambda _: None
    await headgate.use_cases.advance(run_id, ("a", "completed"))

    await publisher.run_once()

    assert summarize(sink.received)[-1] == ("run", Phase.FINISHED, Status.COMPLETED)


async def test_after_a_timeout_the_sink_is_postponed_and_the_next_page_is_smaller() -> None:
    headgate, _ = await start_publisher(1)
    sink = headgate.fakes.event_sink
    strict_publisher = create_publisher(headgate, timeout=0.2)
    await strict_publisher.run_once()
    for _ in range(PAGE_SIZE // 4):
        await headgate.use_cases.claim((await headgate.use_cases.trigger()).run_id)
    sink.is_slow = True
    for _ in range(5):
        with pytest.raises(Unavailable, match=r"within 0\.2 s"):
            await strict_publisher.run_once()
        headgate.fakes.clock.advance(60)
    sink.is_slow = False
    sink.deliveries = 0

    await strict_publisher.run_once()

    assert sink.deliveries > 1
    assert len(sink.known) == 2 * (PAGE_SIZE // 4)


async def test_processes_take_turns_and_send_nothing_twice() -> None:
    headgate, publisher = await start_publisher(1)
    other_publisher = create_publisher(headgate, publisher_id="web-2")
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)

    await publisher.run_once()
    await other_publisher.run_once()
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    await other_publisher.run_once()
    await publisher.run_once()

    assert len(headgate.fakes.event_sink.received) == len(headgate.fakes.event_sink.known) == 4


async def test_external_reports_are_published_too() -> None:
    headgate, publisher = await start_publisher()
    await headgate.use_cases.create_pipeline([{"name": "load", "kind": "external"}], name="remote")
    await headgate.use_cases.report(status_update("running", "load"))
    await headgate.use_cases.report(status_update("completed", "load", records_processed=5))

    await publisher.run_once()

    assert ("load", Phase.FINISHED, Status.COMPLETED) in summarize(headgate.fakes.event_sink.received)


async def test_with_an_unknown_cursor_the_publisher_continues_from_now() -> None:
    headgate, publisher = await start_publisher(1)
    async with headgate.fakes.open_unit_of_work() as work:
        await work.sink_positions.acquire("fake", "web-0", 1)
        await work.sink_positions.advance("fake", "web-0", "of another database")
        await work.commit()
    await publisher.run_once()
    await headgate.use_cases.claim((await headgate.use_cases.trigger()).run_id)

    await publisher.run_once()

    assert len(headgate.fakes.event_sink.known) == 2


async def test_the_application_has_one_publisher_per_sink() -> None:
    headgate = InProcessHeadgate()

    assert len(headgate.application.lifecycle_publishers()) == 1


async def test_events_that_belong_to_no_run_do_not_stop_those_that_follow() -> None:
    headgate, publisher = await start_publisher(1)
    now = headgate.fakes.clock.now()
    async with headgate.fakes.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(SiteEventType.TICK, now)] * (PAGE_SIZE + 1))
        await work.commit()
    await publisher.run_once()
    alone = list(headgate.fakes.event_sink.received)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)

    await publisher.run_once()

    assert alone == []
    assert summarize(headgate.fakes.event_sink.received) == [("a", Phase.STARTED, Status.RUNNING), ("run", Phase.STARTED, Status.RUNNING)]
