"""Ticks of all pipelines, counted by time."""

from datetime import UTC, datetime, timedelta

import pytest

from application.queries.schedules.calendar import Calendar, LoadCalendar
from domain.schedules.tick import TickState
from tests.support.in_process import InProcessHeadgate
from tests.support.schedule_stories import CRON

DAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def load(headgate: InProcessHeadgate, start: datetime = DAY, hours: int = 24, step: timedelta = HOUR) -> Calendar:
    return await LoadCalendar(headgate.fakes.reader, CRON)(start, start + hours * HOUR, step, headgate.fakes.clock.now())


async def a_headgate(*schedules: dict[str, object]) -> InProcessHeadgate:
    """Return a Headgate at 09:00 with one pipeline."""
    headgate = InProcessHeadgate()
    await headgate.schedule_stories.add(await headgate.stories.add_pipeline("nightly", ["a"], schedules=list(schedules)))
    return headgate


async def test_due_ticks_are_counted_from_the_next_one_on() -> None:
    headgate = await a_headgate({"name": "a", "cron": "*/20 8-10 * * *"}, {"name": "b", "cron": "30 23 * * *"})

    calendar = await load(headgate)

    assert [(count.start.hour, count.number) for count in calendar.due] == [(9, 2), (10, 3), (23, 1)]
    assert {(count.pipeline, count.pipeline_id) for count in calendar.due} == {("nightly", 1)}
    assert calendar.is_complete
    assert [view.name for view in calendar.upcoming] == ["a", "b"]


@pytest.mark.parametrize("every", ["7s", "90s", "13m", "1h", "5h"])
async def test_intervals_are_counted_as_if_one_by_one(every: str) -> None:
    plain = await a_headgate({"name": "a", "every": every, "offset": "5s", "end": "2026-03-02T20:00:10"})
    skipping = await a_headgate({"name": "a", "every": every, "offset": "5s", "end": "2026-03-02T20:00:10", "skip": ["2020-01-01"]})

    for step in (HOUR, HOUR / 4):
        assert sorted((await load(plain, step=step)).due) == sorted((await load(skipping, step=step)).due)


async def test_a_day_in_the_past_has_only_decided_ticks() -> None:
    headgate = await a_headgate({"name": "a", "every": "1h"})
    pipeline = await headgate.fakes.reader.pipeline("nightly")
    await headgate.schedule_stories.play_ticks(pipeline, "a", DAY - 24 * HOUR, TickState.MISSED, TickState.SKIPPED)  # type: ignore[arg-type]

    calendar = await load(headgate, DAY - 24 * HOUR)

    assert [(count.start.hour, count.state) for count in calendar.decided] == [(1, TickState.MISSED), (2, TickState.SKIPPED)]
    assert list(calendar.due) == []


async def test_paused_schedules_are_not_due() -> None:
    headgate = await a_headgate({"name": "a", "every": "1h"})
    await headgate.schedule_stories.pause(await headgate.fakes.reader.pipeline("nightly"), "a")  # type: ignore[arg-type]

    assert list((await load(headgate)).due) == []


async def test_too_many_ticks_are_not_all_counted() -> None:
    headgate = await a_headgate({"name": "a", "cron": "* * * * *"}, {"name": "b", "cron": "* * * * *"})

    calendar = await LoadCalendar(headgate.fakes.reader, CRON, max_computed=1_000)(DAY, DAY + 24 * HOUR, HOUR, DAY)

    assert not calendar.is_complete
    assert sum(count.number for count in calendar.due) <= 1_001
