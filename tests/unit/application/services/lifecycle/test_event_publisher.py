"""Telling audiences of runs, stepped by hand over fakes."""

import pytest

from application.ports.telemetry.lifecycle_events import AttemptLifecycleEvent, LifecycleEvent, Phase, RunLifecycleEvent
from application.services.lifecycle.event_mapper import EventMapper
from application.services.lifecycle.event_publisher import PAGE, EventsRejected, LifecycleEventPublisher
from domain.errors import Unavailable
from domain.runs.status import Status
from tests.fakes import FakeEventSink
from tests.support.actions import status_update, worker_report
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


def service(
    headgate: InProcessHeadgate, audience: FakeEventSink | None = None, teller: str = "web-1", patience: float = 30.0
) -> LifecycleEventPublisher:
    fakes = headgate.fakes
    heard = audience or fakes.event_sink
    return LifecycleEventPublisher(heard, fakes.change_feed, fakes.reader, fakes.open_unit_of_work, EventMapper("here"), teller, patience)


async def a_system(stages: int = 2) -> tuple[InProcessHeadgate, LifecycleEventPublisher]:
    """A pipeline, and an announcer that has begun: what happens from now on is told."""
    headgate = InProcessHeadgate()
    announcer = service(headgate)
    await announcer.run_once()
    await headgate.use_cases.create_pipeline(stages)
    return headgate, announcer


def words(told: list[LifecycleEvent]) -> list[tuple[str, Phase, Status]]:
    return [(each.stage if isinstance(each, AttemptLifecycleEvent) else "run", each.phase, each.status) for each in told]


async def test_a_run_is_told_from_its_start_to_its_end_in_order() -> None:
    headgate, announcer = await a_system()
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await announcer.run_once()
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    await headgate.use_cases.advance(run_id, ("b", "failed"))

    await announcer.run_once()

    assert words(headgate.fakes.event_sink.told) == [
        ("a", Phase.STARTED, Status.RUNNING),
        ("run", Phase.STARTED, Status.RUNNING),
        ("a", Phase.FINISHED, Status.COMPLETED),
        ("b", Phase.STARTED, Status.RUNNING),
        ("b", Phase.FINISHED, Status.FAILED),
        ("run", Phase.FINISHED, Status.FAILED),
    ]


async def test_records_errors_and_times_are_those_of_the_store() -> None:
    headgate, announcer = await a_system(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    triggered = headgate.fakes.clock.now()
    began = headgate.fakes.clock.advance(2)
    await headgate.use_cases.claim(run_id)
    ended = headgate.fakes.clock.advance(30)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "failed", records_processed=41, error_message="no such file"))
    await announcer.run_once()

    run = headgate.fakes.event_sink.told[-1]
    attempt = headgate.fakes.event_sink.told[-2]
    assert isinstance(run, RunLifecycleEvent) and isinstance(attempt, AttemptLifecycleEvent)
    assert (run.created_at, run.started_at, run.finished_at, run.queued_seconds) == (triggered, began, ended, 2.0)
    assert (run.error_message, run.records_processed, run.trigger, run.actor) == ("a: no such file", 41, "api", "mara")
    assert (attempt.error_message, attempt.records_processed, attempt.run.id) == ("no such file", 41, run.id)


async def test_each_attempt_is_told_with_an_id_of_its_own() -> None:
    headgate, announcer = await a_system()
    await headgate.use_cases.create_pipeline([a_stage("flaky", retries=1, retry_delay=0)], name="retrying")
    run_id = (await headgate.use_cases.trigger("retrying")).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("flaky", "failed"))

    await announcer.run_once()

    attempts = {(each.number, each.id) for each in headgate.fakes.event_sink.told if isinstance(each, AttemptLifecycleEvent)}
    assert {number for number, _ in attempts} == {1, 2}
    assert len({id for _, id in attempts}) == 2


async def test_two_processes_and_two_tellings_give_the_same_ids() -> None:
    headgate, announcer = await a_system(1)
    second = FakeEventSink("second")
    await service(headgate, second, "web-2").run_once()
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await announcer.run_once()
    await headgate.use_cases.advance(run_id, ("a", "completed"))

    await announcer.run_once()
    await service(headgate, second, "web-2").run_once()

    assert set(second.known) == set(headgate.fakes.event_sink.known)
    assert len(second.known) == 4


async def test_what_happened_before_an_audience_was_met_is_not_told() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    old = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(old)

    announcer = service(headgate)
    await announcer.run_once()
    await headgate.use_cases.advance(old, ("a", "completed"))
    await announcer.run_once()

    assert words(headgate.fakes.event_sink.told) == [("a", Phase.FINISHED, Status.COMPLETED), ("run", Phase.FINISHED, Status.COMPLETED)]


async def test_an_audience_that_was_away_hears_everything_later() -> None:
    headgate, announcer = await a_system(1)
    audience = headgate.fakes.event_sink
    audience.is_down = True
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await announcer.run_once()
        headgate.fakes.clock.advance(60)
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    audience.is_down = False

    await announcer.run_once()

    assert len(audience.known) == 4


async def test_while_it_is_put_off_it_is_left_alone() -> None:
    headgate, announcer = await a_system(1)
    headgate.fakes.event_sink.is_down = True
    await headgate.use_cases.claim((await headgate.use_cases.trigger()).run_id)
    with pytest.raises(Unavailable):
        await announcer.run_once()

    await announcer.run_once()

    assert headgate.fakes.event_sink.deliveries == 1


async def test_what_arrived_before_a_failure_is_told_again_with_the_same_ids() -> None:
    headgate, announcer = await a_system(1)
    audience = headgate.fakes.event_sink
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    audience.fails_after = 2
    with pytest.raises(Unavailable):
        await announcer.run_once()
    audience.fails_after = None
    headgate.fakes.clock.advance(60)

    await announcer.run_once()

    assert len(audience.told) == 2 + 4
    assert len(audience.known) == 4


async def test_one_audience_that_is_away_holds_up_no_other() -> None:
    headgate, announcer = await a_system(1)
    other = FakeEventSink("other")
    beside = service(headgate, other)
    await beside.run_once()
    headgate.fakes.event_sink.is_down = True
    await headgate.use_cases.claim((await headgate.use_cases.trigger()).run_id)
    with pytest.raises(Unavailable):
        await announcer.run_once()

    await beside.run_once()

    assert len(other.known) == 2


async def test_what_is_refused_is_complained_of_and_passed_over() -> None:
    headgate, announcer = await a_system(1)
    audience = headgate.fakes.event_sink
    audience.refuses = lambda told: "I will not" if isinstance(told, RunLifecycleEvent) else None
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    with pytest.raises(EventsRejected, match="fake refused 1 announcements: I will not"):
        await announcer.run_once()
    audience.refuses = lambda _: None
    await headgate.use_cases.advance(run_id, ("a", "completed"))

    await announcer.run_once()

    assert words(audience.told)[-1] == ("run", Phase.FINISHED, Status.COMPLETED)


async def test_a_page_too_slow_for_its_time_is_put_off_and_the_next_is_smaller() -> None:
    headgate, _ = await a_system(1)
    audience = headgate.fakes.event_sink
    impatient = service(headgate, patience=0.02)
    await impatient.run_once()
    for _ in range(PAGE // 4):
        await headgate.use_cases.claim((await headgate.use_cases.trigger()).run_id)
    audience.is_slow = True
    for _ in range(5):
        with pytest.raises(Unavailable, match=r"in 0\.02 s"):
            await impatient.run_once()
        headgate.fakes.clock.advance(60)
    audience.is_slow = False
    audience.deliveries = 0

    await impatient.run_once()

    assert audience.deliveries > 1
    assert len(audience.known) == 2 * (PAGE // 4)


async def test_processes_take_turns_and_nothing_is_told_twice() -> None:
    headgate, announcer = await a_system(1)
    beside = service(headgate, teller="web-2")
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)

    await announcer.run_once()
    await beside.run_once()
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    await beside.run_once()
    await announcer.run_once()

    assert len(headgate.fakes.event_sink.told) == len(headgate.fakes.event_sink.known) == 4


async def test_reports_from_elsewhere_are_told_too() -> None:
    headgate, announcer = await a_system()
    await headgate.use_cases.create_pipeline([{"name": "load", "kind": "external"}], name="remote")
    await headgate.use_cases.report(status_update("running", "load"))
    await headgate.use_cases.report(status_update("completed", "load", records_processed=5))

    await announcer.run_once()

    assert ("load", Phase.FINISHED, Status.COMPLETED) in words(headgate.fakes.event_sink.told)


async def test_a_cursor_the_store_does_not_know_begins_again_from_now() -> None:
    headgate, announcer = await a_system(1)
    async with headgate.fakes.open_unit_of_work() as work:
        await work.announcements.take("fake", "web-0", 1)
        await work.announcements.move("fake", "web-0", "of another database")
        await work.commit()
    await announcer.run_once()
    await headgate.use_cases.claim((await headgate.use_cases.trigger()).run_id)

    await announcer.run_once()

    assert len(headgate.fakes.event_sink.known) == 2


async def test_the_application_has_one_announcer_an_audience() -> None:
    headgate = InProcessHeadgate()

    assert len(headgate.application.lifecycle_publishers()) == 1
