"""What happens to ticks that meet an earlier run, and to those of an outage. The clock starts on Monday 2026-03-02 at nine, UTC."""

import pytest

from domain.runs.status import Status
from domain.schedules.tick import TickState
from tests.support.schedules import ScheduledHeadgate, at


@pytest.fixture
def headgate() -> ScheduledHeadgate:
    return ScheduledHeadgate()


async def test_skip_names_the_run_in_the_way(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="skip")

    await headgate.pass_time(2 * 3_600, step=3_600)
    await headgate.end_runs()
    await headgate.pass_time(3_600)

    assert headgate.states == ["10:00 fired", "11:00 skipped overlap", "12:00 fired"]
    assert headgate.ticks[1].message == "Run 1 was not over."


async def test_queue_one_keeps_the_first_that_waits_and_starts_it_when_the_run_has_ended(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="queue_one")

    await headgate.pass_time(3 * 3_600, step=3_600)
    before = headgate.states
    await headgate.end_runs()
    await headgate.pass_time(10)

    assert before == ["10:00 fired", "11:00 waiting overlap", "12:00 skipped overlap"]
    assert headgate.states == ["10:00 fired", "11:00 late overlap", "12:00 skipped overlap"]
    assert headgate.runs == [(at("10:00"), Status.COMPLETED), (at("11:00"), Status.QUEUED)]


async def test_queue_all_starts_the_waiting_ticks_one_after_another(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="queue_all")
    await headgate.pass_time(3 * 3_600, step=3_600)

    for _ in range(4):
        await headgate.end_runs()
        await headgate.pass_time(40)

    assert headgate.states == ["10:00 fired", "11:00 late overlap", "12:00 late overlap"]
    assert [scheduled_for for scheduled_for, _ in headgate.runs] == [at("10:00"), at("11:00"), at("12:00")]


async def test_a_tick_that_waited_for_less_than_a_minute_has_fired(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="queue_one")
    await headgate.pass_time(2 * 3_600, step=3_600)

    await headgate.end_runs()
    await headgate.pass_time(10)

    assert headgate.states == ["10:00 fired", "11:00 fired"]


async def test_cancel_running_starts_when_the_old_run_has_ended(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="cancel_running")
    await headgate.pass_time(3_600)
    run_id = headgate.ticks[0].run_id or 0
    await headgate.use_cases.claim(run_id)

    await headgate.pass_time(3_600)
    stopping = await headgate.fakes.reader.run(run_id)
    await headgate.pass_time(3_600)
    waiting = headgate.states
    await headgate.use_cases.advance(run_id, ("work", "cancelled"))
    await headgate.tick()

    assert stopping is not None and stopping.stop_requested_at is not None and stopping.status is Status.RUNNING
    assert waiting == ["10:00 fired", "11:00 skipped overlap", "12:00 waiting overlap"]
    assert headgate.states == ["10:00 fired", "11:00 skipped overlap", "12:00 fired"]
    assert headgate.runs == [(at("10:00"), Status.CANCELLED), (at("12:00"), Status.QUEUED)]


async def test_a_run_that_no_worker_has_started_is_replaced_at_once(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="cancel_running")

    await headgate.pass_time(2 * 3_600, step=3_600)

    assert headgate.runs == [(at("10:00"), Status.CANCELLED), (at("11:00"), Status.QUEUED)]
    assert headgate.states == ["10:00 fired", "11:00 fired"]


async def test_the_end_of_a_scheduled_run_wakes_the_service(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="queue_one")
    await headgate.pass_time(2 * 3_600, step=3_600)
    wakeups = headgate.application.wakeups()
    run_id = headgate.ticks[0].run_id or 0
    await headgate.use_cases.claim(run_id)
    assert not wakeups.schedules.is_set()

    await headgate.use_cases.advance(run_id, ("work", "completed"))

    assert wakeups.schedules.is_set()


async def test_runs_of_other_schedules_and_triggers_are_not_in_the_way(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules("nightly", {"name": "a", "every": "1h"}, {"name": "b", "every": "1h"})
    await headgate.use_cases.trigger("nightly")

    await headgate.pass_time(3_600)

    assert headgate.states == ["10:00 fired", "10:00 fired"]
    assert len(headgate.runs) == 3


OUTAGE = {
    # The outage lasts from 09:30 to 12:30: three hourly ticks are missed.
    ("none", "skip"): ["missed", "missed", "missed"],
    ("latest", "skip"): ["missed", "missed", "late"],
    ("all", "skip"): ["late", "skipped", "skipped"],
    ("none", "queue_one"): ["missed", "missed", "missed"],
    ("latest", "queue_one"): ["missed", "missed", "late"],
    ("all", "queue_one"): ["late", "waiting", "skipped"],
    ("none", "queue_all"): ["missed", "missed", "missed"],
    ("latest", "queue_all"): ["missed", "missed", "late"],
    ("all", "queue_all"): ["late", "waiting", "waiting"],
    ("none", "cancel_running"): ["missed", "missed", "missed"],
    ("latest", "cancel_running"): ["missed", "missed", "late"],
    ("all", "cancel_running"): ["skipped", "skipped", "late"],
    ("none", "allow"): ["missed", "missed", "missed"],
    ("latest", "allow"): ["missed", "missed", "late"],
    ("all", "allow"): ["late", "late", "late"],
}


@pytest.mark.parametrize(("catch_up", "overlap"), OUTAGE)
async def test_an_outage_of_three_hours_gives_the_documented_runs_and_rows(
    headgate: ScheduledHeadgate, catch_up: str, overlap: str
) -> None:
    await headgate.add_schedules(every="1h", catch_up=catch_up, overlap=overlap)
    await headgate.pass_time(1_800)

    headgate.fakes.store.is_down = True
    headgate.fakes.clock.advance(3 * 3_600)
    headgate.fakes.store.is_down = False
    await headgate.tick()

    states = [tick.state.value for tick in headgate.ticks]
    assert states == OUTAGE[catch_up, overlap]
    assert [tick.due_at for tick in headgate.ticks] == [at("10:00"), at("11:00"), at("12:00")]
    assert len(headgate.runs) == states.count("late")
    assert all(tick.reason is not None and tick.message for tick in headgate.ticks)
    await headgate.pass_time(1_800)
    assert headgate.ticks[-1].due_at == at("13:00")


async def test_ticks_outside_the_window_never_run(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", catch_up="all", catch_up_window="90m", overlap="allow")

    headgate.fakes.clock.advance(3 * 3_600 + 120)
    await headgate.tick()

    assert headgate.states == ["10:00 missed outside_window", "11:00 late outage", "12:00 late outage"]


async def test_at_most_a_hundred_missed_ticks_run(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1m", catch_up="all", overlap="allow")

    headgate.fakes.clock.advance(150 * 60 + 30)
    await headgate.tick()

    states = [tick.state for tick in headgate.ticks]
    assert states == [TickState.LATE] * 100 + [TickState.MISSED] * 49 + [TickState.FIRED]
    assert len(headgate.runs) == 101


async def test_a_clock_set_forward_is_an_outage(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="allow")
    await headgate.pass_time(3_600)

    headgate.fakes.clock.set(at("13:30"))
    await headgate.tick()

    assert headgate.states == ["10:00 fired", "11:00 missed superseded", "12:00 missed superseded", "13:00 late outage"]


async def test_a_tick_on_time_runs_rather_than_the_one_that_was_missed_before(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")

    headgate.fakes.clock.advance(3 * 3_600)
    await headgate.tick()

    assert headgate.states == ["10:00 missed superseded", "11:00 missed superseded", "12:00 fired"]
