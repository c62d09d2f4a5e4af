"""Changes of a pipeline's schedules, which are never retroactive. The clock starts on Monday 2026-03-02 at nine, UTC."""

from datetime import datetime

import pytest

from application.ports.persistence.schedules import StoredSchedule
from tests.support.schedules import ScheduledHeadgate, at


@pytest.fixture
def headgate() -> ScheduledHeadgate:
    return ScheduledHeadgate()


async def stored(headgate: ScheduledHeadgate, pipeline_id: int = 1) -> dict[str, StoredSchedule]:
    async with headgate.fakes.open_unit_of_work() as work:
        return {schedule.name: schedule for schedule in await work.schedules.list_of(pipeline_id)}


async def next_times(headgate: ScheduledHeadgate) -> dict[str, datetime | None]:
    return {name: schedule.next_due_at for name, schedule in (await stored(headgate)).items()}


async def test_a_changed_schedule_fires_next_after_now(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules("nightly", {"name": "a", "every": "1h"}, {"name": "b", "every": "2h"})
    await headgate.pass_time(3_600 + 1_800, step=600)

    await headgate.change_schedules("nightly", {"name": "a", "every": "20m"}, {"name": "b", "every": "2h"})

    assert await next_times(headgate) == {"a": at("10:40"), "b": at("12:00")}
    assert headgate.states == ["10:00 fired", "10:00 fired"]


async def test_a_schedule_that_did_not_change_keeps_its_id_and_its_time(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    before = await stored(headgate)

    await headgate.pass_time(600)
    await headgate.change_schedules("nightly", {"name": "main", "every": "1h"}, {"name": "other", "every": "1h"})

    after = await stored(headgate)
    assert after["main"] == before["main"]
    assert after["other"].id != before["main"].id


async def test_a_renamed_schedule_is_a_new_one(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    await headgate.application.pause_schedule()("nightly", "main")

    await headgate.change_schedules("nightly", {"name": "renamed", "every": "1h"})

    (schedule,) = (await stored(headgate)).values()
    assert (schedule.name, schedule.paused_at, schedule.id) == ("renamed", None, 2)


async def test_removed_schedules_fire_no_more_and_may_come_back(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="queue_one")
    await headgate.pass_time(2 * 3_600, step=3_600)

    await headgate.change_schedules("nightly")
    await headgate.end_runs()
    await headgate.pass_time(2 * 3_600, step=3_600)
    removed = headgate.states
    await headgate.change_schedules("nightly", {"name": "main", "every": "1h"})
    await headgate.pass_time(3_600)

    assert removed == ["10:00 fired", "11:00 skipped removed"]
    assert headgate.states[2:] == ["14:00 fired"]


async def test_ticks_that_are_due_when_a_schedule_changes_have_a_row(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    headgate.fakes.clock.advance(2 * 3_600)

    await headgate.change_schedules("nightly", {"name": "main", "every": "90m"})
    await headgate.pass_time(5_400, step=600)

    assert headgate.states == ["10:00 skipped removed", "11:00 skipped removed", "12:00 fired"]


@pytest.mark.parametrize(("pause", "resume", "reason"), [("pause", "resume", "paused"), ("archive", "unarchive", "archived")])
async def test_the_schedules_of_a_held_pipeline_do_not_fire(headgate: ScheduledHeadgate, pause: str, resume: str, reason: str) -> None:
    await headgate.add_schedules(every="1h", overlap="queue_one")
    await headgate.pass_time(2 * 3_600, step=3_600)

    await getattr(headgate.application, f"{pause}_pipeline")()("nightly")
    await headgate.end_runs()
    await headgate.pass_time(2 * 3_600, step=600)
    held = headgate.states
    await getattr(headgate.application, f"{resume}_pipeline")()("nightly")
    await headgate.pass_time(3_600)

    assert held == ["10:00 fired", f"11:00 paused {reason}"]
    assert headgate.states[2:] == [f"12:00 paused {reason}", f"13:00 paused {reason}", "14:00 fired"]


async def test_a_schedule_that_is_paused_itself_stays_paused_when_its_pipeline_resumes(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules("nightly", {"name": "a", "every": "1h"}, {"name": "b", "every": "1h"})
    await headgate.application.pause_schedule()("nightly", "a", at("12:30"))
    await headgate.application.pause_pipeline()("nightly")
    await headgate.pass_time(3_600)

    await headgate.application.resume_pipeline()("nightly")
    await headgate.pass_time(4 * 3_600, step=600)

    schedules = await stored(headgate)
    by_schedule = {
        name: [(f"{t.due_at:%H}", t.state.value) for t in headgate.ticks if t.schedule_id == s.id] for name, s in schedules.items()
    }
    assert by_schedule["a"] == [("10", "paused"), ("11", "paused"), ("12", "paused"), ("13", "fired"), ("14", "skipped")]
    assert by_schedule["b"] == [("10", "paused"), ("11", "fired"), ("12", "skipped"), ("13", "skipped"), ("14", "skipped")]


async def test_schedules_added_while_the_pipeline_is_paused_fire_after_it_resumes(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules("nightly", {"name": "a", "every": "1h"})
    await headgate.application.pause_pipeline()("nightly")
    await headgate.change_schedules("nightly", {"name": "a", "every": "30m"}, {"name": "b", "every": "1h"})

    await headgate.pass_time(3_600, step=600)
    paused = headgate.states
    await headgate.application.resume_pipeline()("nightly")
    await headgate.pass_time(3_600, step=600)

    assert paused == []
    assert [state for state in headgate.states if "fired" in state] == ["10:30 fired", "11:00 fired"]


@pytest.mark.parametrize("is_pipeline", [True, False], ids=["pipeline", "schedule"])
async def test_ticks_after_the_end_of_a_pause_were_not_paused(headgate: ScheduledHeadgate, is_pipeline: bool) -> None:
    await headgate.add_schedules(every="1h")
    application = headgate.application
    if is_pipeline:
        await application.pause_pipeline()("nightly", at("11:30"))
    else:
        await application.pause_schedule()("nightly", "main", at("11:30"))

    headgate.fakes.clock.set(at("13:30"))
    await application.pause_ender().run_once()
    await headgate.tick()

    assert headgate.states == ["10:00 paused paused", "11:00 paused paused", "12:00 missed superseded", "13:00 late outage"]


@pytest.mark.parametrize("is_pipeline", [True, False], ids=["pipeline", "schedule"])
async def test_a_tick_at_the_end_of_a_pause_fires(headgate: ScheduledHeadgate, is_pipeline: bool) -> None:
    await headgate.add_schedules(every="1h")
    application = headgate.application
    if is_pipeline:
        await application.pause_pipeline()("nightly", at("11:00"))
    else:
        await application.pause_schedule()("nightly", "main", at("11:00"))

    headgate.fakes.clock.set(at("11:00"))
    await application.pause_ender().run_once()
    await headgate.tick()

    assert headgate.states == ["10:00 paused paused", "11:00 fired"]


@pytest.mark.parametrize("is_removed", [False, True], ids=["changed", "removed"])
async def test_a_tick_that_jitter_delays_beyond_a_change_says_why_it_did_not_run(headgate: ScheduledHeadgate, is_removed: bool) -> None:
    await headgate.add_schedules(every="1h", jitter="50m")
    fire_at = (await stored(headgate))["main"].next_fire_at
    assert fire_at is not None and fire_at > at("10:00")
    headgate.fakes.clock.set(at("10:00"))

    await headgate.change_schedules("nightly", *([] if is_removed else [{"name": "main", "every": "1h", "overlap": "allow"}]))
    decided = headgate.states
    await headgate.pass_time(7_200 - 60, step=60)

    assert decided == ["10:00 skipped removed"]
    assert headgate.ticks[0].message == "The schedule was changed or removed before this tick could run."
    assert headgate.states[1:] == ([] if is_removed else ["11:00 fired"])
